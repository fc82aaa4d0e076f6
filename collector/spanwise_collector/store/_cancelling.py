"""Stops the queries of callers who went away.

A thread inside the engine cannot be interrupted, but another client can tell the engine to stop: each query carries a
mark (the setting `log_comment`), and a look four times a second finds the marks whose callers are gone.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from spanwise_collector.store._store import Store

log = logging.getLogger(__name__)

_LOOK_S = 0.25
_KILL = (Path(__file__).parent / "cancelling" / "kill.sql").read_text(encoding="utf-8")


class Cancelling:
    """Looks after running queries, on a thread that lives from the first of them until `close`. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers = itertools.count()
        self._watched: dict[str, Callable[[], bool]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watched(self, cancelled: Callable[[], bool]) -> Iterator[str]:
        """Gives the mark for the query that runs meanwhile."""
        mark = f"spanwise-{os.getpid()}-{id(self)}-{next(self._numbers)}"
        with self._lock:
            self._watched[mark] = cancelled
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="cancelling", daemon=True)
                self._thread.start()
        try:
            yield mark
        finally:
            with self._lock:
                del self._watched[mark]

    def close(self) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(_LOOK_S):
            with self._lock:
                gone = [mark for mark, cancelled in self._watched.items() if cancelled()]
            if gone:
                self._kill(gone)

    def _kill(self, marks: list[str]) -> None:
        try:
            client = self._store.client()
            try:
                client.query(_KILL, parameters={"marks": marks})
            finally:
                client.close()
        except Exception as error:
            log.warning("a query whose caller is gone could not be stopped: %s", str(error)[:300])
