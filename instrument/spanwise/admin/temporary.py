"""Changes that undo themselves: each has a time to live, and what was there before the first comes back.

One thread waits for the next that is due, and exists only while there is one.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

MOST_CHANGES = 200

_log = logging.getLogger("spanwise.audit")


@dataclass(frozen=True, slots=True)
class Change:
    """`key` says what is changed, such as "log level of app.db"; `until` is in time.monotonic()."""

    key: str
    description: str
    undo: Callable[[], None]
    until: float

    @property
    def left_s(self) -> float:
        return max(0.0, self.until - time.monotonic())


class TooMany(Exception):
    """There are `MOST_CHANGES` already; some must end first."""


class Changes:
    """The changes that are in force."""

    def __init__(self) -> None:
        self._changes: dict[str, Change] = {}
        self._due = threading.Condition(threading.RLock())
        self._thread: threading.Thread | None = None
        os.register_at_fork(after_in_child=self._after_fork)

    def make(self, key: str, description: str, do: Callable[[], None], undo: Callable[[], None], ttl_s: float) -> None:
        """Does it, and undoes it after `ttl_s`. A further change of the same key keeps the first one's `undo`.

        Raises TooMany, and what `do` raises.
        """
        with self._due:
            earlier = self._changes.get(key)
            if earlier is None and len(self._changes) >= MOST_CHANGES:
                raise TooMany
            do()
            change = Change(key, description, undo, time.monotonic() + ttl_s)
            self._changes[key] = change if earlier is None else replace(change, undo=earlier.undo)
            self._wake()

    def undo(self, key: str) -> bool:
        """Undoes a change now; False where there is none of that key."""
        with self._due:
            change = self._changes.pop(key, None)
            self._due.notify()  # the thread looks for the next one, or ends
        if change is None:
            return False
        _undo(change)
        return True

    def undo_all(self) -> None:
        for change in self.active():
            self.undo(change.key)

    def active(self) -> list[Change]:
        """Those in force, the next to end first."""
        with self._due:
            return sorted(self._changes.values(), key=lambda change: change.until)

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="spanwise-admin-undo", daemon=True)
            self._thread.start()
        self._due.notify()

    def _run(self) -> None:
        while True:
            with self._due:
                now = time.monotonic()
                ended = [change for change in self._changes.values() if change.until <= now]
                if not ended:
                    if not self._changes:
                        self._thread = None
                        return
                    self._due.wait(min(change.until for change in self._changes.values()) - now)
            for change in ended:
                if self.undo(change.key):
                    _log.warning("admin: %s: time is up, undone.", change.key)

    def _after_fork(self) -> None:
        """A child has the changes, but not the thread."""
        self._due = threading.Condition(threading.RLock())
        self._thread = None
        if self._changes:
            with self._due:
                self._wake()


def _undo(change: Change) -> None:
    try:
        change.undo()
    except Exception as error:
        _log.error("admin: %s could not be undone: %s: %s", change.key, type(error).__name__, error)


CHANGES = Changes()
