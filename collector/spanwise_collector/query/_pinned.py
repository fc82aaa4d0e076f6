"""Which traces are pinned: asked of the store once for many traces that are read."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from spanwise_collector.query._condition import pieces
from spanwise_collector.query._remembered import Remembered
from spanwise_collector.store import ClientPool, pins_made

# Pieces of the queries of a trace.
OF_TRACE = Path(__file__).parent / "of_trace.sql"
# How long another collector on the same store may pin without being heard of. A copy is only needed once the trace has
# gone from the table of spans.
_KEPT_S = 5.0
# More are not kept in memory: then each trace is asked for.
_MOST = 10_000


class PinnedTraces:
    """Thread-safe."""

    def __init__(self, pool: ClientPool, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._ids = Remembered(self._read, pins_made, _KEPT_S, clock)

    def source(self, trace_id: str) -> str:
        """Where a query finds the spans of this trace. The copies of pinned ones take three times as long, so they are
        looked at for those alone. `trace_id` is 32 hexadecimal digits.
        """
        ids = self._ids()
        is_pinned = (
            bytes.fromhex(trace_id) in ids
            if ids is not None
            else bool(self._pool.rows("is_pinned", {"trace_id": trace_id}))
        )
        return pieces(OF_TRACE)["pinned" if is_pinned else "stored"].template

    def _read(self) -> frozenset[bytes] | None:
        """None where they are too many."""
        rows = self._pool.rows("pinned_traces", {"limit": _MOST + 1})
        return frozenset(row[0] for row in rows) if len(rows) <= _MOST else None
