"""The spans of a trace as a tree, whatever is wrong with them: each span is shown exactly once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spanwise_collector.terminal._collector import Json


@dataclass(frozen=True, slots=True)
class Branch:
    """`lasts` says for each level whether the branch there is the last one; `orphan`: its parent is not there."""

    span: Json
    lasts: tuple[bool, ...]
    orphan: bool = False


def branches(spans: Sequence[Json]) -> Iterator[Branch]:
    """Depth first, children by start. Of spans with one id the first is the parent; circles begin at their earliest."""
    by_id: dict[str, int] = {}
    for number, span in enumerate(spans):
        by_id.setdefault(span["span_id"], number)
    children: dict[int | None, list[int]] = {}
    for number, span in enumerate(spans):
        children.setdefault(_parent(number, span, by_id), []).append(number)
    shown: set[int] = set()
    yield from _walk(children.get(None, []), children, spans, by_id, shown)
    for number in range(len(spans)):
        if number not in shown:
            yield from _walk([number], children, spans, by_id, shown)


def _parent(number: int, span: Json, by_id: dict[str, int]) -> int | None:
    shared = by_id[span["span_id"]]
    if shared != number and any(item["key"] == "zipkin.shared" for item in span["attributes"]):
        return shared  # the server's half of a span that client and server share
    parent = by_id.get(span["parent_span_id"])
    return None if parent == number else parent


def _walk(
    first: Sequence[int],
    children: dict[int | None, list[int]],
    spans: Sequence[Json],
    by_id: dict[str, int],
    shown: set[int],
) -> Iterator[Branch]:
    """Without recursion, for a trace may be as deep as it is long."""
    stack: list[tuple[int, tuple[bool, ...]]] = [(number, ()) for number in reversed(first)]
    while stack:
        number, lasts = stack.pop()
        if number in shown:
            continue
        shown.add(number)
        span = spans[number]
        yield Branch(span, lasts, bool(span["parent_span_id"]) and span["parent_span_id"] not in by_id)
        below = [child for child in children.get(number, []) if child not in shown]
        stack += [(child, (*lasts, child == below[-1])) for child in reversed(below)]
