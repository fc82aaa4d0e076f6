"""Many threads append, one thread commits: what gathers during one fsync shares the next.

So an acknowledgement waits for at most two syncs whatever the load, and load makes the groups larger, not the wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

# A disk that does not answer for so long is as good as gone.
_TIMEOUT_S = 30.0


class SpoolError(Exception):
    """The request could not be written; nothing of it was kept. One line for the sender."""


@dataclass(slots=True)
class Append:
    """One request on its way to the disk; `size` is what it takes there."""

    payload: bytes
    spans: int
    size: int
    done: threading.Event = field(default_factory=threading.Event)
    error: SpoolError | None = None


class GroupCommit:
    """Runs `commit` on its own thread with each group of appends.

    `commit` sets an append's `error` when it was not written. `rest` is called once after each `nudge`, on the same
    thread, when there is nothing to commit.
    """

    def __init__(self, commit: Callable[[list[Append]], None], rest: Callable[[], None]) -> None:
        self._commit = commit
        self._rest = rest
        self._changed = threading.Condition()
        self._queue: list[Append] = []
        self._queued_bytes = 0
        self._nudged = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="spool-commit", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def append(self, item: Append, admit: Callable[[int], None]) -> None:
        """Returns when the item is on disk; raises its error. `admit` gets the bytes that will be queued with it, and
        raises where that is too much."""
        with self._changed:
            if self._closing or not self._thread.is_alive():
                raise SpoolError("the collector is stopping; send again in a moment")
            admit(self._queued_bytes + item.size)
            self._queue.append(item)
            self._queued_bytes += item.size
            self._changed.notify()
        if not item.done.wait(_TIMEOUT_S):
            raise SpoolError(f"the disk did not answer within {_TIMEOUT_S:g} s; send again later")
        if item.error is not None:
            raise item.error

    def nudge(self) -> None:
        """Has `rest` called."""
        with self._changed:
            self._nudged = True
            self._changed.notify()

    def close(self) -> None:
        """Commits what is queued, then ends the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._queue or self._nudged or self._closing):
                    self._changed.wait()
                items, self._queue = self._queue, []
                nudged, self._nudged = self._nudged, False
                closing = self._closing
            if items:
                self._commit(items)
                with self._changed:
                    self._queued_bytes -= sum(item.size for item in items)
                for item in items:
                    item.done.set()
            elif nudged:
                self._rest()
            elif closing:
                return
