"""A few daemon threads, started when there is work for them. Not concurrent.futures: its exit hook waits for every
job, and a stuck admin page must not keep a service from ending."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

_log = logging.getLogger("spanwise")

Job = Callable[[], None]


class Pool:
    """Up to `size` threads. `submit` is called by one thread only and never waits."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        # Looked up when it is made: gevent may have replaced it since this module was imported.
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._unfinished = 0
        self._threads: list[threading.Thread] = []

    def submit(self, job: Job) -> None:
        with self._lock:
            self._unfinished += 1
            wanted = min(self._unfinished, self._size)
        self._jobs.put(job)
        while len(self._threads) < wanted:
            number = len(self._threads) + 1
            thread = threading.Thread(target=self._work, name=f"{self._name}-{number}", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads to be had: those that run take this job in their turn
                return
            self._threads.append(thread)

    def close(self, timeout_s: float) -> None:
        """Ends the threads after what is queued; waits for at most `timeout_s`."""
        for _ in self._threads:
            self._jobs.put(None)
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            try:
                job()
            except BaseException as error:
                _log.error("admin: %s: %s", type(error).__name__, error)
            finally:
                with self._lock:
                    self._unfinished -= 1
                del job  # a queue that is waited on must not keep the last request alive
