"""The pulse of the main loop: an event loop that is stuck answers nobody, however well the admin threads are.

Only an event loop has one. The threads of a WSGI server sleep between requests, and idle is not dead.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_BEAT_S = 1.0
DEFAULT_TIMEOUT_S = 30.0


class Heartbeat:
    """Beats once a second in each event loop it was told of. `timeout_s`: a loop silent for longer is stuck."""

    def __init__(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self._beats: dict[AbstractEventLoop, float] = {}

    def watch(self, loop: AbstractEventLoop) -> None:
        """From inside the loop; for one that is watched already it does nothing."""
        if loop not in self._beats:
            self._beat(loop)

    def _beat(self, loop: AbstractEventLoop) -> None:
        self._beats[loop] = time.monotonic()
        loop.call_later(_BEAT_S, self._beat, loop)

    @property
    def age_s(self) -> float | None:
        """Since the oldest of the last beats; None where no loop runs."""
        # Copied, because a loop may begin meanwhile; one that has stopped is no longer asked.
        running = {loop: beat for loop, beat in tuple(self._beats.items()) if loop.is_running()}
        for loop in tuple(self._beats):
            if loop.is_closed():
                self._beats.pop(loop, None)
        return max(0.0, time.monotonic() - min(running.values())) if running else None

    @property
    def missed(self) -> bool:
        age_s = self.age_s
        return age_s is not None and age_s > self.timeout_s

    def forget(self) -> None:
        """In a forked child, whose loops are its own."""
        self._beats.clear()
