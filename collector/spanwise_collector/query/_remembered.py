"""What was read of the store and stays true until somebody changes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """Call it for what `read` gives. Thread-safe; it may be read by two threads at once."""

    def __init__(
        self,
        read: Callable[[], T],
        changes: Callable[[], int],
        kept_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`changes` counts those of this process, which are known at once; of another one's is heard after `kept_s`."""
        self._read = read
        self._changes = changes
        self._kept_s = kept_s
        self._clock = clock
        self._lock = threading.Lock()
        self._last: tuple[T, float, int] | None = None  # what was read, until when it is kept, and the changes before

    def __call__(self) -> T:
        changes = self._changes()
        with self._lock:
            last = self._last
        if last is not None and self._clock() < last[1] and changes == last[2]:
            return last[0]
        found = self._read()
        with self._lock:
            self._last = found, self._clock() + self._kept_s, changes
        return found
