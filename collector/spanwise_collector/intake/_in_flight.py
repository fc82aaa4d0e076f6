"""How many bytes of request bodies are in memory at a time, over all connections."""

from __future__ import annotations

import threading
from types import TracebackType


class OverloadedError(Exception):
    """There are too many bytes in flight; the sender should come back in a moment."""


class InFlight:
    """A bound on bytes. Each request holds a `Share`, which grows while its body is inflated. Thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = threading.Lock()

    def share(self) -> Share:
        return Share(self)

    def _take(self, size: int) -> None:
        with self._lock:
            # A request alone always fits: its own size is bounded elsewhere.
            if self._bytes and self._bytes + size > self._max_bytes:
                raise OverloadedError(
                    f"more than {self._max_bytes} bytes are being received (SPANWISE_COLLECTOR_MAX_IN_FLIGHT);"
                    " send again in a moment"
                )
            self._bytes += size

    def _give_back(self, size: int) -> None:
        with self._lock:
            self._bytes -= size


class Share:
    """The bytes of one request; given back when its block ends."""

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self._bytes = 0

    def grow_to(self, size: int) -> None:
        """Raises OverloadedError."""
        if size > self._bytes:
            self._in_flight._take(size - self._bytes)
            self._bytes = size

    def __enter__(self) -> Share:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._in_flight._give_back(self._bytes)
