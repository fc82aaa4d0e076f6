"""The spans of one trace as a tree, from the few fields that times are reasoned about with.

A span whose parent is not there stands at the top. Of spans with the same id the first is the parent of what names it,
but for the two halves of a span that a client and a server share (Zipkin): the server's half is the client's child, and
what names the id is a child of the half in its own process. Circles are cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Node:
    """A span; `index` is its place in what was given. Times are nanoseconds since 1970, the end not before the start.

    `process` names whose clock the times are of. `shared` is that of the server's half of a shared span.
    """

    index: int
    span_id: str
    parent_id: str
    process: str
    kind: str
    start_ns: int
    end_ns: int
    shared: bool = False
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)

    @property
    def duration_ns(self) -> int:
        return self.end_ns - self.start_ns

    @property
    def asynchronous(self) -> bool:
        """Whether its parent does not wait for it: a message was consumed that the parent had sent."""
        return self.parent is not None and (self.kind == "consumer" or self.parent.kind == "producer")


def join(nodes: Sequence[Node]) -> list[Node]:
    """Sets parents and children; returns the tops, roots before orphans, each by start."""
    by_id: dict[str, list[Node]] = {}
    for node in nodes:
        by_id.setdefault(node.span_id, []).append(node)
    for node in nodes:
        parent = _parent(node, by_id)
        if parent is not None:
            node.parent = parent
            parent.children.append(node)
    _cut_circles(nodes)
    tops = [node for node in nodes if node.parent is None]
    return sorted(tops, key=lambda node: (bool(node.parent_id), node.start_ns, -node.duration_ns))


def top_down(tops: Sequence[Node]) -> list[Node]:
    """Every node, parents before their children."""
    found = list(tops)
    for node in found:
        found.extend(node.children)
    return found


def _parent(node: Node, by_id: dict[str, list[Node]]) -> Node | None:
    if node.shared:
        other = next((one for one in by_id[node.span_id] if not one.shared), None)
        if other is not None:
            return other
    candidates = [one for one in by_id.get(node.parent_id, ()) if one is not node] if node.parent_id else []
    if len(candidates) > 1:
        return next((one for one in candidates if one.process == node.process), candidates[0])
    return candidates[0] if candidates else None


def _cut_circles(nodes: Sequence[Node]) -> None:
    """What no top leads to is in a circle, or under one: the earliest of these becomes a top, until there are none."""
    reached = {node.index for node in top_down([node for node in nodes if node.parent is None])}
    for node in sorted(nodes, key=lambda node: node.start_ns):
        if node.index in reached:
            continue
        top = _in_circle(node)
        if top.parent is not None:
            top.parent.children.remove(top)
            top.parent = None
        reached |= {below.index for below in top_down([top])}


def _in_circle(node: Node) -> Node:
    """The first of the node and what is above it that comes twice."""
    seen: set[int] = set()
    while node.index not in seen and node.parent is not None:
        seen.add(node.index)
        node = node.parent
    return node
