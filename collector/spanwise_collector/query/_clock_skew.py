"""Takes disagreement of clocks out of a trace.

Only what another process wrote can be wrong, and it is wrong by one amount as long as a call lasts. So where a call
crosses processes and what was called does not lie within its caller, all that the called process did in the call is
shifted together: into the middle of the caller, as if the way there took as long as the way back (NTP's assumption, and
Zipkin's and Jaeger's). A server's span ends when the answer's body is closed, for which the caller does not wait: an
end up to `LATE_END_NS` after the caller's is no disagreement. What cannot lie within its caller, because it took
longer, begins with it; a message is consumed no earlier than it began to be sent. Where nothing is wrong nothing is
shifted, and what one process did in one call never moves against itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spanwise_collector.query._span_tree import Node, top_down

LATE_END_NS = 5_000_000  # a thread that closes an answer may wait that long for its turn: the switch interval


@dataclass(frozen=True, slots=True)
class Shift:
    """`index` is the span's; `shift_ns` is to be added to its times."""

    index: int
    shift_ns: int


def correct(tops: Sequence[Node]) -> list[Shift]:
    """Moves the nodes' times, and returns those of them that moved, parents before children."""
    shifts: dict[int, int] = {}
    for node in top_down(tops):
        shift = shifts.get(node.parent.index, 0) if node.parent is not None else 0
        node.start_ns += shift
        node.end_ns += shift
        if node.parent is not None and node.process != node.parent.process:
            further = _needed(node.parent, node)
            node.start_ns += further
            node.end_ns += further
            shift += further
        shifts[node.index] = shift
    return [Shift(index, shift) for index, shift in shifts.items() if shift]


def _needed(caller: Node, called: Node) -> int:
    """How far what was called must move, in ns; 0 where it may be as it says."""
    earliest = caller.start_ns - called.start_ns
    if called.asynchronous:
        return max(earliest, 0)
    if called.duration_ns > caller.duration_ns:
        return 0 if earliest <= 0 <= caller.end_ns - called.start_ns else earliest
    latest = caller.end_ns - called.end_ns
    ends_late = called.start_ns < caller.end_ns and latest >= -LATE_END_NS
    return 0 if earliest <= 0 and (latest >= 0 or ends_late) else (earliest + latest) // 2
