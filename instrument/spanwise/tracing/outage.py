"""One log line when the collector cannot be reached any more, and one when it can again.

The exporter and the registration talk to the same collector: they share one `Outage`, so that a service says it once.
"""

from __future__ import annotations

import logging
import threading
import time

_log = logging.getLogger("spanwise")


class Outage:
    """Which of the parties (by name) fail at the moment, since when."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._failing: set[str] = set()
        self._since = 0.0

    def after_fork(self) -> None:
        """In a forked child: a lock that another thread of the parent held is held for ever."""
        self._lock = threading.Lock()

    def failed(self, party: str, reason: str) -> None:
        with self._lock:
            first = not self._failing
            self._failing.add(party)
            if first:
                self._since = time.monotonic()
        if first:
            _log.warning(
                "spanwise: the collector at %s does not take spans (%s). The service is not affected;"
                " spans wait in a bounded queue and are dropped when it is full.",
                self._address,
                reason,
            )

    def worked(self, party: str) -> None:
        if not self._failing:
            return
        with self._lock:
            self._failing.discard(party)
            over = not self._failing
        if over:
            _log.warning(
                "spanwise: the collector at %s answers again after %.0f s.",
                self._address,
                time.monotonic() - self._since,
            )
