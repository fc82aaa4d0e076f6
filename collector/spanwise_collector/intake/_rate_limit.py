"""How many spans a second one sender may send: a bucket for each write token."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from spanwise_collector.intake._in_flight import OverloadedError

# What a sender may be ahead: a batch that was gathered while it was idle goes through.
_BURST_S = 2.0


class RateLimit:
    """Thread-safe. A request is let in while the bucket is not empty, and then takes as many as it has spans."""

    def __init__(self, spans_per_s: float | None, by_token: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """None is no limit. Without `by_token` all senders share one bucket: what they present has not been checked."""
        self._spans_per_s = spans_per_s
        self._by_token = by_token
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}  # token: (spans left, when)

    def check(self, token: str) -> None:
        """Raises OverloadedError."""
        if self._spans_per_s is not None and self._change(token, 0) < 0:
            raise OverloadedError(
                f"more than {self._spans_per_s:g} spans a second from one sender (SPANWISE_COLLECTOR_MAX_RATE); send"
                " again in a moment"
            )

    def charge(self, token: str, spans: int) -> None:
        """Takes what was sent off the bucket."""
        if self._spans_per_s is not None:
            self._change(token, spans)

    def _change(self, token: str, spans: int) -> float:
        assert self._spans_per_s is not None
        key = token if self._by_token else ""
        now = self._clock()
        full = self._spans_per_s * _BURST_S
        with self._lock:
            left, since = self._buckets.get(key, (full, now))
            left = min(left + (now - since) * self._spans_per_s, full) - spans
            self._buckets[key] = (left, now)
            return left
