"""The last profiles that were taken, so that they can be looked at again and laid over each other."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from itertools import count

from spanwise.profiling.profile import Profile

# A profile of a busy service is some hundred kilobytes: a dozen stay well under ten megabytes.
_KEPT = 12
_MAX_STACKS = 20_000


@dataclass(frozen=True, slots=True)
class Capture:
    """`id` is short and never used twice in a process; `at` is in Unix seconds."""

    id: str
    at: float
    profile: Profile


class Captures:
    """A ring: the oldest goes when a new one comes. One with more stacks than the ring may hold is not kept."""

    def __init__(self, kept: int = _KEPT, max_stacks: int = _MAX_STACKS) -> None:
        self._lock = threading.Lock()
        self._max_stacks = max_stacks
        self._ring: deque[Capture] = deque(maxlen=kept)
        self._numbers = count(1)

    def keep(self, profile: Profile) -> Capture:
        capture = Capture(f"{profile.kind}-{next(self._numbers)}", time.time(), profile)
        with self._lock:
            if len(profile.samples) <= self._max_stacks:
                self._ring.append(capture)
            while sum(len(each.profile.samples) for each in self._ring) > self._max_stacks:
                self._ring.popleft()
        return capture

    def get(self, identifier: str) -> Capture | None:
        return next((each for each in self.all() if each.id == identifier), None)

    def all(self) -> list[Capture]:
        """The newest first."""
        with self._lock:
            return list(reversed(self._ring))


CAPTURES = Captures()
