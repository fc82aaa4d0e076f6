"""Profiles of several processes as one, and the form in which they hand them to each other.

    {"kind", "value_types": [[TYPE, UNIT], ...], "default", "frames": [[FUNCTION, FILE, LINE], ...],
     "samples": [[[FRAME, ...], [[LABEL, VALUE], ...], [VALUE, ...]], ...],
     "started_at_ns", "duration_ns", "period_ns", "comments": [TEXT, ...]}

A sample's frames are places in the list of frames, innermost first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanwise.profiling.profile import Profile, ValueType, added
from spanwise.profiling.stacks import Frame

WORKER_LABEL = "worker"


def as_data(profile: Profile) -> dict[str, Any]:
    """Ready for JSON."""
    numbers: dict[Frame, int] = {}
    samples = [
        [[numbers.setdefault(frame, len(numbers)) for frame in stack], [list(label) for label in labels], list(values)]
        for (stack, labels), values in profile.samples.items()
    ]
    return {
        "kind": profile.kind,
        "value_types": [[each.type, each.unit] for each in profile.value_types],
        "default": profile.default,
        "frames": [list(frame) for frame in numbers],
        "samples": samples,
        "started_at_ns": profile.started_at_ns,
        "duration_ns": profile.duration_ns,
        "period_ns": profile.period_ns,
        "comments": list(profile.comments),
    }


def from_data(data: Mapping[str, Any]) -> Profile:
    """Raises KeyError, TypeError, ValueError or IndexError for what `as_data` has not made."""
    frames = [Frame(str(function), str(file), int(line)) for function, file, line in data["frames"]]
    samples = [
        (
            (tuple(frames[number] for number in stack), tuple((str(key), str(value)) for key, value in labels)),
            tuple(int(value) for value in values),
        )
        for stack, labels, values in data["samples"]
    ]
    return Profile(
        kind=str(data["kind"]),
        value_types=tuple(ValueType(str(name), str(unit)) for name, unit in data["value_types"]),
        default=str(data["default"]),
        samples=added(samples),
        started_at_ns=int(data["started_at_ns"]),
        duration_ns=int(data["duration_ns"]),
        period_ns=int(data["period_ns"]),
        comments=tuple(str(comment) for comment in data["comments"]),
    )


def merged(profiles: Mapping[str, Profile]) -> Profile:
    """One of all, whose samples say by a label which worker they are of; profiles of another kind are left out.

    Raises ValueError where there is none.
    """
    if not profiles:
        raise ValueError("there is no profile to merge")
    first = next(iter(profiles.values()))
    alike = {worker: each for worker, each in profiles.items() if each.value_types == first.value_types}
    samples = [
        ((stack, (*labels, (WORKER_LABEL, worker))), values)
        for worker, each in alike.items()
        for (stack, labels), values in each.samples.items()
    ]
    return Profile(
        kind=first.kind,
        value_types=first.value_types,
        default=first.default,
        samples=added(samples),
        started_at_ns=min(each.started_at_ns for each in alike.values()),
        duration_ns=max(each.duration_ns for each in alike.values()),
        period_ns=first.period_ns,
        comments=tuple(f"worker {worker}: {comment}" for worker, each in alike.items() for comment in each.comments),
    )
