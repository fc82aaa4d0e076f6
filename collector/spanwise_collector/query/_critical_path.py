"""The critical path of a trace: at every moment of the root, the one span that it waited for.

Walked from the root's end backwards: the time since the child that finished last belongs to the span itself; the
child's time to the child, in the same way; then on from the child's start, with the child that finished last before
that. (The algorithm of Uber's CRISP, ATC 2022.) A child counts as far as it lies within its parent; a consumer of a
message is not waited for. So the segments never overlap, and their lengths add up to the root's duration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spanwise_collector.query._span_tree import Node


@dataclass(frozen=True, slots=True)
class Segment:
    """From when to when (nanoseconds since 1970) the root waited for the span at `index`, and for nothing under it."""

    index: int
    start_ns: int
    end_ns: int


def critical_path(root: Node) -> list[Segment]:
    """The segments by time, none of them empty; their lengths add up to the root's duration."""
    segments: list[Segment] = []
    # Without recursion: a chain of 5,000 calls is a legal trace.
    stack = [_Open(root, root.start_ns, root.end_ns)]
    while stack:
        open_ = stack[-1]
        child = open_.next_child()
        if child is None:
            _add(segments, open_.node.index, open_.start_ns, open_.cursor_ns)
            stack.pop()
            continue
        start_ns, end_ns = open_.within(child)
        _add(segments, open_.node.index, end_ns, open_.cursor_ns)
        open_.cursor_ns = start_ns
        stack.append(_Open(child, start_ns, end_ns))
    segments.reverse()
    return segments


class _Open:
    """A span whose time from `start_ns` to `cursor_ns` has not been given to anybody yet."""

    def __init__(self, node: Node, start_ns: int, end_ns: int) -> None:
        self.node = node
        self.start_ns = start_ns
        self.cursor_ns = end_ns
        self._end_ns = end_ns
        self._last_first = self._waited_for()

    def within(self, child: Node) -> tuple[int, int]:
        """The child's start and end, as far as they lie within this span."""
        return max(child.start_ns, self.start_ns), min(child.end_ns, self._end_ns)

    def next_child(self) -> Node | None:
        """The one that finished last before the cursor; None when there is no further one."""
        for child in self._last_first:
            start_ns, end_ns = self.within(child)
            if start_ns < end_ns <= self.cursor_ns:
                return child
        return None

    def _waited_for(self) -> Iterator[Node]:
        children = [child for child in self.node.children if not child.asynchronous]
        children.sort(key=lambda child: (self.within(child)[1], -child.start_ns), reverse=True)
        return iter(children)


def _add(segments: list[Segment], index: int, start_ns: int, end_ns: int) -> None:
    if start_ns < end_ns:
        segments.append(Segment(index, start_ns, end_ns))
