"""TraceQL, slow and obvious: a query evaluated span by span in memory, from the rules of the language.

It shares the tree with the collector and nothing else: no SQL, no types of the store, no order of evaluation.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

from spanwise_collector.traceql import _tree as tree


@dataclass(frozen=True)
class Event:
    name: str
    time_ns: int
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Link:
    trace_id: str
    span_id: str
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Origin:
    """Resource and scope, which many spans share."""

    resource: dict[str, Any]
    scope_name: str
    scope_version: str
    scope: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Span:
    span_id: str
    parent_id: str
    name: str
    kind: str
    status: str
    status_message: str
    start_ns: int
    duration_ns: int
    attributes: dict[str, Any]
    events: tuple[Event, ...]
    links: tuple[Link, ...]
    origin: Origin
    multiplier: float = 1.0


@dataclass(eq=False)
class Trace:
    trace_id: str
    spans: list[Span]
    ways: dict[Span, list[tuple[Span, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Walks from the tops, so that what is only its own ancestor is on no way."""
        ids = {span.span_id for span in self.spans}
        waiting = [(span,) for span in self.spans if span.parent_id not in ids]
        while waiting:
            way = waiting.pop()
            self.ways.setdefault(way[-1], []).append(way)
            waiting += [
                (*way, span) for span in self.spans if span.parent_id == way[-1].span_id and span not in way
            ]  # fmt: skip

    @property
    def root(self) -> Span:
        return min(self.spans, key=lambda span: (span.parent_id != "", span.start_ns))

    @property
    def duration_ns(self) -> int:
        return max(span.start_ns + span.duration_ns for span in self.spans) - min(span.start_ns for span in self.spans)

    def way(self, span: Span) -> tuple[Span, ...]:
        """The one that its number in the nested sets comes from."""
        return min(self.ways.get(span, [()]), key=lambda way: [one.start_ns for one in way])

    @cached_property
    def nested_sets(self) -> dict[Span, tuple[int, int, int]]:
        """`(left, right, parent's left)`: numbered on the way in and on the way out."""
        children: dict[Span | None, list[Span]] = {}
        for span in sorted(self.ways, key=lambda one: one.start_ns):
            way = self.way(span)
            children.setdefault(way[-2] if len(way) > 1 else None, []).append(span)
        numbers: dict[Span, tuple[int, int, int]] = {}
        counter = 0

        def visit(span: Span, parent_left: int) -> None:
            nonlocal counter
            counter += 1
            left = counter
            for child in children.get(span, []):
                visit(child, left)
            counter += 1
            numbers[span] = (left, counter, parent_left)

        for top in children.get(None, []):
            visit(top, -1 if top.parent_id == "" else 0)
        return numbers


def run(query: tree.Query, trace: Trace) -> list[set[Span]]:
    """The spansets that are left of a trace."""
    return [found for found in _pipeline(query.pipeline, [set(trace.spans)], trace) if found]


def _pipeline(pipeline: tree.Pipeline, spansets: list[set[Span]], trace: Trace) -> list[set[Span]]:
    for stage in pipeline.stages:
        if isinstance(stage, tree.By):
            spansets = [part for spanset in spansets for part in _parted(stage.field, spanset, trace)]
        elif isinstance(stage, tree.Coalesce):
            spansets = [set().union(*spansets)]
        elif isinstance(stage, tree.ScalarFilter):
            spansets = [spanset for spanset in spansets if spanset and _scalar(stage.comparison, spanset, trace)]
        elif isinstance(stage, tree.Pipeline):
            spansets = [part for spanset in spansets for part in _pipeline(stage, [spanset], trace)]
        elif not isinstance(stage, tree.Select):
            spansets = [_spanset(stage, spanset, trace) for spanset in spansets]
    return spansets


def _parted(by: tree.Field, spanset: set[Span], trace: Trace) -> list[set[Span]]:
    def key(span: Span) -> str:
        found = first(by, span, trace)
        return f"{type(found).__name__} {found!r}"

    return [set(part) for _, part in groupby(sorted(spanset, key=key), key)]


def _spanset(expression: tree.Spanset, spanset: set[Span], trace: Trace) -> set[Span]:
    if isinstance(expression, tree.Filter):
        return {span for span in spanset if expression.condition is None or truth(expression.condition, span, trace)}
    if isinstance(expression, tree.Pipeline):
        return set().union(*_pipeline(expression, [spanset], trace))
    left, right = (_spanset(side, spanset, trace) for side in (expression.left, expression.right))
    if expression.operator == "&&":
        return left | right if left and right else set()
    if expression.operator == "||":
        return left | right
    sign, relation = expression.operator, _relation(expression.operator.lstrip("!&"), trace)
    related = {b for b in right if any(relation(a, b) for a in left)}
    if sign.startswith("!"):
        return right - related
    if sign.startswith("&"):
        return related | {a for a in left if any(relation(a, b) for b in right)}
    return related


def _relation(operator: str, trace: Trace) -> Callable[[Span, Span], bool]:
    """Whether the pair is in `a operator b`."""

    def is_above(a: Span, b: Span) -> bool:
        return any(a in way[:-1] for way in trace.ways.get(b, []))

    return {
        ">": lambda a, b: b.parent_id == a.span_id,
        "<": lambda a, b: a.parent_id == b.span_id,
        "~": lambda a, b: a is not b and a.parent_id == b.parent_id != "",
        ">>": is_above,
        "<<": lambda a, b: is_above(b, a),
    }[operator]


def _scalar(scalar: tree.Field, spanset: set[Span], trace: Trace) -> Any:
    if isinstance(scalar, tree.Aggregate):
        if scalar.of is None:
            return len(spanset)
        numbers = [found for span in spanset if (found := number(scalar.of, span, trace)) is not None]
        if not numbers:
            return None
        return {"min": min, "max": max, "sum": math.fsum, "avg": lambda of: math.fsum(of) / len(of)}[scalar.function](
            numbers
        )
    if isinstance(scalar, tree.Binary):
        left, right = _scalar(scalar.left, spanset, trace), _scalar(scalar.right, spanset, trace)
        if left is None or right is None:
            return None
        return _compare(scalar.operator, left, right) if scalar.operator in _ORDERS else _compute(
            scalar.operator, left, right
        )  # fmt: skip
    if isinstance(scalar, tree.Unary):
        found = _scalar(scalar.operand, spanset, trace)
        return None if found is None else -found
    assert isinstance(scalar, tree.Literal)
    return scalar.value


# One span


class Word(str):
    """A status or a kind."""


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b,
    "=~": lambda a, b: re.fullmatch(b, a) is not None, "!~": lambda a, b: re.fullmatch(b, a) is None,
}  # fmt: skip


def truth(condition: tree.Field, span: Span, trace: Trace) -> bool:
    if isinstance(condition, tree.Unary):
        if isinstance(condition.operand, tree.Attribute):
            return first(condition.operand, span, trace) is False
        return not truth(condition.operand, span, trace)
    if isinstance(condition, tree.Binary) and condition.operator in ("&&", "||"):
        sides = (truth(side, span, trace) for side in (condition.left, condition.right))
        return all(sides) if condition.operator == "&&" else any(sides)
    if isinstance(condition, tree.Binary):
        if condition.operator in _ORDERS:
            return _comparison(condition, span, trace)
        return False
    return first(condition, span, trace) is True


def _comparison(comparison: tree.Binary, span: Span, trace: Trace) -> bool:
    left, right = values(comparison.left, span, trace), values(comparison.right, span, trace)
    sides = (comparison.left, comparison.right)
    if any(isinstance(side, tree.Literal) and side.value is None for side in sides):
        both_missing = not left and not right
        return both_missing if comparison.operator == "=" else not both_missing
    return any(_compare(comparison.operator, a, b) for a in left for b in right)


def _compare(operator: str, left: Any, right: Any) -> bool:
    kinds = [_kind(side) for side in (left, right)]
    return kinds[0] == kinds[1] != "other" and _ORDERS[operator](left, right)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, Word):
        return "word"
    return "string" if isinstance(value, str) else "other"


def number(expression: tree.Field, span: Span, trace: Trace) -> float | None:
    found = first(expression, span, trace)
    return float(found) if _kind(found) == "number" else None


def first(expression: tree.Field, span: Span, trace: Trace) -> Any:
    found = values(expression, span, trace)
    return found[0] if found else None


def values(expression: tree.Field, span: Span, trace: Trace) -> list[Any]:
    """None but that of `nil` is a value; events and links may have several."""
    return [value for value in _all_values(expression, span, trace) if value is not None]


def _all_values(expression: tree.Field, span: Span, trace: Trace) -> Iterable[Any]:
    if isinstance(expression, tree.Literal):
        word = expression.type in (tree.Type.STATUS, tree.Type.KIND)
        return [Word(expression.value) if word else expression.value]
    if isinstance(expression, tree.Attribute):
        return _attribute(expression, span)
    if isinstance(expression, tree.Intrinsic):
        return _intrinsic(expression.name, span, trace)
    if isinstance(expression, tree.Unary) and expression.operator == "-":
        found = number(expression.operand, span, trace)
        return [] if found is None else [-found]
    if isinstance(expression, tree.Binary) and expression.operator in _ARITHMETIC:
        left, right = number(expression.left, span, trace), number(expression.right, span, trace)
        return [] if left is None or right is None else [_compute(expression.operator, left, right)]
    return [truth(expression, span, trace)]


def _compute(operator: str, left: float, right: float) -> float | None:
    if operator in "/%" and right == 0:
        return None
    return _ARITHMETIC[operator](left, right)


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "%": math.fmod, "^": lambda a, b: float(a) ** b,
}  # fmt: skip


def _attribute(attribute: tree.Attribute, span: Span) -> list[Any]:
    name, scope = attribute.name, attribute.scope
    if scope == "event":
        return [event.attributes.get(name) for event in span.events]
    if scope == "link":
        return [link.attributes.get(name) for link in span.links]
    places = {
        "span": [span.attributes],
        "resource": [span.origin.resource],
        "instrumentation": [span.origin.scope],
        "": [span.attributes, span.origin.resource],
    }[scope]
    return [next((place[name] for place in places if place.get(name) is not None), None)]


def _intrinsic(name: str, span: Span, trace: Trace) -> list[Any]:
    left, right, parent = trace.nested_sets.get(span, (0, 0, 0)) if name.startswith("nested") else (0, 0, 0)
    if name == "nestedSetParent" and span.parent_id == "":
        parent = -1
    readers: dict[str, Callable[[], list[Any]]] = {
        "duration": lambda: [span.duration_ns],
        "name": lambda: [span.name],
        "kind": lambda: [Word(span.kind)],
        "status": lambda: [Word(span.status)],
        "statusMessage": lambda: [span.status_message],
        "spanID": lambda: [span.span_id],
        "parentID": lambda: [span.parent_id or None],
        "multiplier": lambda: [span.multiplier],
        "childCount": lambda: [sum(trace.way(other)[-2:-1] == (span,) for other in trace.spans)],
        "nestedSetParent": lambda: [parent],
        "nestedSetLeft": lambda: [left],
        "nestedSetRight": lambda: [right],
        "traceID": lambda: [trace.trace_id],
        "traceDuration": lambda: [trace.duration_ns],
        "rootName": lambda: [trace.root.name],
        "rootServiceName": lambda: [trace.root.origin.resource["service.name"]],
        "eventName": lambda: [event.name for event in span.events],
        "eventTimeSinceStart": lambda: [event.time_ns - span.start_ns for event in span.events],
        "linkTraceID": lambda: [link.trace_id for link in span.links],
        "linkSpanID": lambda: [link.span_id for link in span.links],
        "instrumentationName": lambda: [span.origin.scope_name],
        "instrumentationVersion": lambda: [span.origin.scope_version],
    }
    return readers[name]()
