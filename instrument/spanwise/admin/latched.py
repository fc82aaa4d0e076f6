"""Totals as their change within the last whole minute (`period=60` of twitter-server's metrics.json).

Nothing runs before somebody asks: the first question starts the counting of minutes, and a while without one ends it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

PERIOD_S = 60.0
# A scraper that asks each minute and misses a few must not begin anew.
_FORGOTTEN_AFTER = 10

Numbers = Mapping[str, float]


class Latch:
    """`totals` gives every total by name. Minutes begin when the clock's do, so that all instances agree."""

    def __init__(self, period_s: float = PERIOD_S) -> None:
        self._period_s = period_s
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._begin: Numbers = {}
        self._changes: dict[str, float] = {}
        self._asked_at = 0.0

    def changes(self, totals: Callable[[], Numbers]) -> dict[str, float]:
        """The change of every total in the last whole minute: 0 until one has passed since the first question."""
        with self._lock:
            self._asked_at = time.monotonic()
            if self._thread is None or not self._thread.is_alive():
                self._begin = totals()
                self._changes = dict.fromkeys(self._begin, 0.0)
                self._stopping = threading.Event()
                arguments = (totals, self._stopping)
                self._thread = threading.Thread(
                    target=self._run, args=arguments, name="spanwise-admin-minute", daemon=True
                )
                self._thread.start()
            return dict(self._changes)

    def stop(self) -> None:
        """Ends the counting of minutes, and waits until it has."""
        thread = self._thread
        self._stopping.set()
        if thread is not None:
            thread.join()

    def _run(self, totals: Callable[[], Numbers], stopping: threading.Event) -> None:
        while not stopping.wait(self._period_s - time.time() % self._period_s):
            now = totals()
            with self._lock:
                self._changes = {name: value - self._begin.get(name, 0.0) for name, value in now.items()}
                self._begin = now
                if time.monotonic() - self._asked_at > _FORGOTTEN_AFTER * self._period_s:
                    self._thread = None
                    return


LATCH = Latch()
