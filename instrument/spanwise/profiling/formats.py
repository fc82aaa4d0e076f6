"""A profile for people and for other tools: collapsed stacks, speedscope, a table, and the tree behind a flamegraph."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from spanwise.profiling.profile import Profile
from spanwise.profiling.stacks import Frame, Stack

_TOP = 20
_SPEEDSCOPE_SCHEMA = "https://www.speedscope.app/file-format-schema.json"
_SPEEDSCOPE_UNITS = {"nanoseconds": "nanoseconds", "bytes": "bytes"}
# A flamegraph shows nothing thinner than this share of the whole; what is cut off stays in its parent's total.
_THINNEST = 0.0005


def collapsed(profile: Profile, index: int) -> str:
    """One line a stack, root first: `a (f.py:1);b (f.py:7) 42`, as Brendan Gregg's flamegraph.pl reads it."""
    lines = (
        f"{';'.join(_collapsed_name(frame) for frame in reversed(stack))} {value}\n"
        for stack, value in profile.by_stack(index).items()
    )
    return "".join(sorted(lines))


def _collapsed_name(frame: Frame) -> str:
    return str(frame).replace(";", ":").replace("\n", " ")


def speedscope(profile: Profile, index: int) -> str:
    """The JSON of https://www.speedscope.app, one "sampled" profile."""
    numbers: dict[Frame, int] = {}
    samples, weights = [], []
    for stack, value in profile.by_stack(index).items():
        samples.append([numbers.setdefault(frame, len(numbers)) for frame in reversed(stack)])
        weights.append(value)
    shown = profile.value_types[index]
    frames = [{"name": frame.function, "file": frame.file, "line": frame.line} for frame in numbers]
    sampled = {
        "type": "sampled",
        "name": f"{profile.kind}: {shown.type}",
        "unit": _SPEEDSCOPE_UNITS.get(shown.unit, "none"),
        "startValue": 0,
        "endValue": sum(weights),
        "samples": samples,
        "weights": weights,
    }
    return json.dumps({"$schema": _SPEEDSCOPE_SCHEMA, "shared": {"frames": frames}, "profiles": [sampled]})


def text(profile: Profile, index: int, most: int = _TOP) -> str:
    """The functions with most of their own, as `go tool pprof -top` prints them."""
    own: dict[tuple[str, str], int] = defaultdict(int)
    whole: dict[tuple[str, str], int] = defaultdict(int)
    for stack, value in profile.by_stack(index).items():
        functions = [(frame.function, frame.file) for frame in stack]
        if functions:
            own[functions[0]] += value
        for function in set(functions):
            whole[function] += value
    total = sum(profile.by_stack(index).values())
    shown = profile.value_types[index]
    seconds = f" over {profile.duration_ns / 1e9:.1f} s" if profile.duration_ns else ""
    lines = [f"{shown.type}: {amount(total, shown.unit)}{seconds}", *profile.comments]
    lines.append(f"{'own':>10} {'':>6} {'with calls':>10} {'':>6}  function")
    ranked = sorted(whole, key=lambda function: (-own[function], -whole[function], function))[:most]
    for function in ranked:
        name, file = function
        lines.append(
            f"{amount(own[function], shown.unit):>10} {_percent(own[function], total):>6}"
            f" {amount(whole[function], shown.unit):>10} {_percent(whole[function], total):>6}  {name} ({file})"
        )
    return "\n".join(lines) + "\n"


def amount(value: int, unit: str) -> str:
    """`1_500_000_000, "nanoseconds"` -> `1.5 s`."""
    if unit == "nanoseconds":
        return f"{value / 1e9:.2f} s" if abs(value) >= 1e9 else f"{value / 1e6:.1f} ms"
    if unit == "bytes":
        for size, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
            if abs(value) >= size:
                return f"{value / size:.1f} {name}"
        return f"{value} B"
    return f"{value:,}"


def tree(profile: Profile, index: int, base: Profile | None = None) -> dict[str, Any]:
    """What the flamegraph page draws: `frames` as [function, file, line], and the root of
    `[frame number, value, base value, [children]]`, children by name. Without `base`, base values are 0."""
    graph = _Tree()
    for stack, value in profile.by_stack(index).items():
        graph.add(stack, value, 0)
    shown = profile.value_types[index]
    base_total = 0
    if base is not None:
        for stack, value in base.by_stack(base.index(shown.type)).items():
            graph.add(stack, 0, value)
            base_total += value
    return {
        "kind": profile.kind,
        "type": shown.type,
        "unit": shown.unit,
        "duration_s": round(profile.duration_ns / 1e9, 3),
        "comments": list(profile.comments),
        "total": graph.root.value,
        "base_total": base_total if base is not None else None,
        "frames": [list(frame) for frame in graph.frames],
        "root": graph.nested(),
    }


class _Node:
    __slots__ = ("base", "children", "value")

    def __init__(self) -> None:
        self.value = 0
        self.base = 0
        self.children: dict[tuple[str, str], _Node] = {}


class _Tree:
    """Stacks merged from the root on, by function: lines of one function are one box."""

    def __init__(self) -> None:
        self.root = _Node()
        self.frames: list[Frame] = [Frame("all", "", 0)]
        self._numbers: dict[tuple[str, str], int] = {}

    def add(self, stack: Stack, value: int, base: int) -> None:
        node = self.root
        node.value += value
        node.base += base
        for frame in reversed(stack):
            key = frame.function, frame.file
            if key not in self._numbers:
                self._numbers[key] = len(self.frames)
                self.frames.append(frame)
            child = node.children.get(key)
            if child is None:
                child = node.children[key] = _Node()
            node = child
            node.value += value
            node.base += base

    def nested(self) -> list[Any]:
        """The tree as nested lists, without what is too thin to be seen."""
        least = max(self.root.value, self.root.base) * _THINNEST

        def lists(node: _Node, number: int) -> list[Any]:
            wide = [(key, child) for key, child in node.children.items() if max(child.value, child.base) >= least]
            children = [lists(child, self._numbers[key]) for key, child in sorted(wide, key=lambda item: item[0])]
            return [number, node.value, node.base, children]

        return lists(self.root, 0)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "0%"
