"""Which traces are pinned: asked of the store once for many traces that are read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from spanwise_collector.query._condition import Binder
from spanwise_collector.store import ClientPool, pins_made

# What this process pins is known at once; another collector on the same store needs this long to be heard of. A copy is
# only needed once the trace has gone from the table of spans.
_KEPT_S = 5.0
# More are not kept in memory: then each trace is asked for.
_MOST = 10_000


class PinnedTraces:
    """Thread-safe."""

    def __init__(self, pool: ClientPool, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._clock = clock
        self._lock = threading.Lock()
        self._ids: frozenset[bytes] | None = None
        self._until_s = -float("inf")
        self._pins_made = 0

    def source(self, trace_id: str) -> str:
        """Where a query finds the spans of this trace. The copies of pinned ones take three times as long, so they are
        looked at for those alone. `trace_id` is 32 hexadecimal digits.
        """
        ids = self._now()
        is_pinned = (
            bytes.fromhex(trace_id) in ids
            if ids is not None
            else bool(self._pool.rows("is_pinned", {"trace_id": trace_id}))
        )
        return Binder().piece("spans_of_pinned_trace" if is_pinned else "spans_of_trace").sql

    def _now(self) -> frozenset[bytes] | None:
        """None where they are too many."""
        made = pins_made()
        with self._lock:
            if self._clock() < self._until_s and made == self._pins_made:
                return self._ids
        rows = self._pool.rows("pinned_traces", {"limit": _MOST + 1})
        ids = frozenset(row[0] for row in rows) if len(rows) <= _MOST else None
        with self._lock:
            self._ids, self._until_s, self._pins_made = ids, self._clock() + _KEPT_S, made
        return ids
