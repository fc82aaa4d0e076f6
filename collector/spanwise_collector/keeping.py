"""What is done with traces: pinned, unpinned, deleted, exported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from spanwise_collector.spool import Spool
from spanwise_collector.store import Store, delete_trace, export_spans, pin_trace, unpin_trace

_FLUSH_S = 10.0


class StoreBehindError(Exception):
    """The store does not have yet what was acknowledged. One line for whoever asks; later it may."""


class Keeping:
    """Thread-safe. Trace ids are 32 hexadecimal digits in lower case; another raises ValueError.

    All methods may also raise NotOpenError, while the store is not open, and the client's DatabaseError.
    """

    def __init__(self, store: Store, spool: Spool, max_pinned_spans: int) -> None:
        self._store = store
        self._spool = spool
        self._max_pinned_spans = max_pinned_spans

    def pin(self, trace_id: str, note: str = "") -> int:
        """Keeps a trace beyond its age and the store's size; returns its spans, 0 when there is none.

        Raises PinLimitError, or ValueError for a note over 1,000 characters. Pinned traces are listed by the query
        `pins`.
        """
        with self._client() as client:
            return pin_trace(client, trace_id, note, self._max_pinned_spans)

    def unpin(self, trace_id: str) -> int:
        """Lets a trace age again; returns how many spans were kept, 0 when it was not pinned."""
        with self._client() as client:
            return unpin_trace(client, trace_id)

    def delete(self, trace_id: str) -> int:
        """Takes a trace out of spool and store; returns how many spans it had. Rates and edges keep counting it.

        What of it waits in the spool is stored first, and then deleted with the rest; spans that come later are stored.
        Raises StoreBehindError when the spool did not empty in time: then nothing was deleted.
        """
        with self._client() as client:
            if not self._spool.flush(_FLUSH_S):
                raise StoreBehindError(
                    f"the store is more than {_FLUSH_S:g} s behind, so spans of the trace may still wait in the spool;"
                    " nothing was deleted, try again later"
                )
            return delete_trace(client, trace_id)

    def export(self, from_ns: int, to_ns: int) -> Iterator[bytes]:
        """Serialized requests with all spans that start in [from_ns, to_ns), nanoseconds since 1970."""
        with self._client() as client:
            yield from export_spans(client, from_ns, to_ns)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        client = self._store.client()
        try:
            yield client
        finally:
            client.close()
