"""Background work that gives way to the service: by time and by need, never by count.

Yielding the interpreter after every item starves the work beside busy threads: each yield may wait a switch interval
(5 ms) for every runnable thread. So the work goes on for a slice of time before it yields, and does not yield at all
when it has become urgent. A yield is a short sleep: a request gives the interpreter up at each of its system calls, and
work that is back at once stands before it every time. The slice follows what the last yield cost beyond that sleep:
where nobody is busy the slice is short, so that a request waits for 0.05 ms; beside busy threads, which take
milliseconds each, the work keeps a fair share. (`make bench-tail` measures both.)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

PAUSE_S = 0.0001
SHORTEST_SLICE_S = 0.00005
LONGEST_SLICE_S = 0.005  # the interpreter's own switch interval: beyond it others are let in anyway


class Pace:
    """Call it between items; `urgent` tells when there is no time left to be polite."""

    __slots__ = ("_began", "_slice_s", "_urgent")

    def __init__(self, urgent: Callable[[], bool]) -> None:
        self._urgent = urgent
        self._slice_s = SHORTEST_SLICE_S
        self._began = time.perf_counter()

    @property
    def slice_s(self) -> float:
        """How long the work may go on in one piece: all of it where it is urgent."""
        return inf if self._urgent() else self._slice_s

    def __call__(self) -> None:
        now = time.perf_counter()
        if now - self._began < self._slice_s:
            return
        if not self._urgent():
            time.sleep(PAUSE_S)
            resumed = time.perf_counter()
            self._slice_s = min(max(resumed - now - PAUSE_S, SHORTEST_SLICE_S), LONGEST_SLICE_S)
            now = resumed
        self._began = now
