"""Values as Tempo's JSON has them: AnyValue in protobuf's JSON mapping, where 64-bit integers are text."""

from __future__ import annotations

from collections.abc import Iterable

from spanwise_collector.query import Json, any_value, attributes
from spanwise_collector.traceql import Shown

_NAMES = frozenset({"status", "kind"})
_UNITS = ((3600 * 10**9, "h"), (60 * 10**9, "m"), (10**9, "s"), (10**6, "ms"), (10**3, "µs"), (1, "ns"))


def key_values(shown: Iterable[Shown]) -> list[Json]:
    """`[{"key", "value"}]`."""
    return [{"key": one.name, "value": value_of(one)} for one in shown]


def label_values(labels: Iterable[Shown]) -> list[Json]:
    """The same for the labels of a series, of which none may be missing."""
    return [
        {"key": one.name, "value": {"stringValue": "nil"} if one.type == "empty" else value_of(one)} for one in labels
    ]


def value_of(shown: Shown) -> Json:
    if shown.type in _NAMES:
        return {"stringValue": shown.raw.decode()}
    if shown.type == "duration":
        return {"stringValue": duration_text(round(float(shown.raw)))}
    (typed,) = attributes([{"key": shown.name, "type": shown.type, "value": shown.raw}])
    return any_value(typed)


def duration_text(duration_ns: int) -> str:
    """As Go writes it, in its largest unit: `1.5s`."""
    for unit_ns, unit in _UNITS:
        if abs(duration_ns) >= unit_ns:
            return f"{duration_ns / unit_ns:.9f}".rstrip("0").rstrip(".") + unit
    return "0s"
