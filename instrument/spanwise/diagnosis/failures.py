"""The last failures of each route served and of each service called: when, how and in which trace.

Noted when a request or call has failed; those that succeed cost nothing. Reasons are status codes and names of
exceptions, never messages.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass

_MAX_NAMES = 200
_KEPT = 5


@dataclass(frozen=True, slots=True)
class Failure:
    """`at` is in Unix seconds, `trace_id` "" where there is none."""

    at: float
    method: str
    reason: str
    took_s: float
    trace_id: str


class Failures:
    """By name; the one that has not failed for longest goes when there are too many."""

    def __init__(self, max_names: int = _MAX_NAMES, kept: int = _KEPT) -> None:
        self._max_names = max_names
        self._kept = kept
        self._lock = threading.Lock()
        self._by_name: OrderedDict[str, deque[Failure]] = OrderedDict()

    def note(self, name: str, failure: Failure) -> None:
        with self._lock:
            self._by_name.setdefault(name, deque(maxlen=self._kept)).append(failure)
            self._by_name.move_to_end(name)
            if len(self._by_name) > self._max_names:
                self._by_name.popitem(last=False)

    def of(self, name: str) -> list[Failure]:
        """The newest first."""
        with self._lock:
            return list(reversed(self._by_name.get(name, ())))


SERVED = Failures()
CALLED = Failures()
# How a request is called whose route nobody knows.
NO_ROUTE = "no route"
