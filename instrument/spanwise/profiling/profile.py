"""A profile: how much of what was found in which stack. Every kind of profile is one, and every format writes one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from spanwise.profiling.stacks import Stack

Labels = tuple[tuple[str, str], ...]
Values = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ValueType:
    """`("cpu", "nanoseconds")`, `("inuse_space", "bytes")`: the names that pprof's users know."""

    type: str
    unit: str


SAMPLES = ValueType("samples", "count")
WALL = ValueType("wall", "nanoseconds")
CPU = ValueType("cpu", "nanoseconds")


@dataclass(frozen=True, slots=True)
class Profile:
    """`samples`: values in the order of `value_types`, by stack (leaf first) and labels. `default` is the type to show
    first. `period` is the time between two samples in nanoseconds, 0 where nothing was sampled."""

    kind: str
    value_types: tuple[ValueType, ...]
    default: str
    samples: Mapping[tuple[Stack, Labels], Values]
    started_at_ns: int = 0
    duration_ns: int = 0
    period_ns: int = 0
    comments: tuple[str, ...] = field(default=())

    def index(self, type_name: str = "") -> int:
        """The place of a value type by name, of the default for "". Raises KeyError for one it does not have."""
        names = [value_type.type for value_type in self.value_types]
        wanted = type_name or self.default
        if wanted not in names:
            raise KeyError(wanted)
        return names.index(wanted)

    def by_stack(self, index: int) -> dict[Stack, int]:
        """One value by stack, summed over labels; what is zero is left out."""
        sums: dict[Stack, int] = defaultdict(int)
        for (stack, _), values in self.samples.items():
            if values[index]:
                sums[stack] += values[index]
        return dict(sums)


def added(samples: Iterable[tuple[tuple[Stack, Labels], Values]]) -> dict[tuple[Stack, Labels], Values]:
    """Samples with the same stack and labels, added up."""
    sums: dict[tuple[Stack, Labels], Values] = {}
    for key, values in samples:
        before = sums.get(key)
        sums[key] = values if before is None else tuple(a + b for a, b in zip(before, values, strict=True))
    return sums
