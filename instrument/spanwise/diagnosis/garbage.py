"""Garbage collections as they happen: the latest long pauses, and how much time all of them take."""

from __future__ import annotations

import gc
import time
from collections import deque
from dataclasses import dataclass

# Pauses that are kept one by one; shorter ones are only added up.
_LONG_S = 0.001
_KEPT = 300


@dataclass(frozen=True, slots=True)
class Pause:
    """`ended_at` in time.monotonic(); `collected` objects were freed."""

    ended_at: float
    seconds: float
    generation: int
    collected: int


class Pauses:
    """A callback of the collector. It runs inside it, so it only reads a clock and adds numbers."""

    def __init__(self) -> None:
        self.total_s = 0.0
        self.collections = [0, 0, 0]
        self._long: deque[Pause] = deque(maxlen=_KEPT)
        self._began = 0.0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        now = time.monotonic()
        if phase == "start":
            self._began = now
        elif self._began:
            seconds = now - self._began
            self._began = 0.0
            self.total_s += seconds
            self.collections[info["generation"]] += 1
            if seconds >= _LONG_S:
                self._long.append(Pause(now, seconds, info["generation"], info.get("collected", 0)))

    def long(self) -> list[Pause]:
        """The latest first."""
        return list(self._long.copy())[::-1]


PAUSES = Pauses()


def watch_collections() -> None:
    """From now on. Calling it again is safe."""
    if PAUSES not in gc.callbacks:
        gc.callbacks.append(PAUSES)
