"""An open loop: requests begin when they are due, whether or not the ones before have been answered.

Customers do not wait for each other, so a slow store meets the same arrivals as a fast one. Arrivals are a Poisson
process; latency counts from the moment a request was due, which keeps the wait for a late start in the figures
(the error of leaving it out is known as coordinated omission).
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable

from .tally import Outcome, Tally

# Later than a scheduler's usual jitter: such a start says that the load generator itself could not keep up.
LATE_S = 0.05
STOP_WITHIN_S = 0.1

# Sends the next request of some customer; says what became of it and whose journey it was.
Send = Callable[[], tuple[Outcome, str]]


class OpenLoop:
    """Calls `send` at `rate` a second on average, from at most `in_flight` threads of its own."""

    def __init__(self, send: Send, rate: float, in_flight: int, tally: Tally, chance: random.Random) -> None:
        self._send = send
        self._rate = rate
        self._limit = in_flight
        self._tally = tally
        self._chance = chance
        self._due: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._threads = 0
        self._stopping = False

    def run(self, duration_s: float) -> None:
        """Returns when the time is over or `stop` was called. Requests in flight are not waited for; see `drain`."""
        due = begin = time.monotonic()
        while True:
            due += self._chance.expovariate(self._rate)
            if due - begin > duration_s:
                self._sleep_until(begin + duration_s)
                return
            self._sleep_until(due)
            if self._stopping:
                return
            self._dispatch(due)

    def stop(self) -> None:
        """Safe in a signal handler: it takes no lock, which the interrupted thread might hold."""
        self._stopping = True

    def drain(self, timeout_s: float) -> None:
        """Waits until every request is answered or the time is over."""
        end = time.monotonic() + timeout_s
        while self._tally.in_flight and time.monotonic() < end:
            time.sleep(0.01)

    def _sleep_until(self, moment: float) -> None:
        while not self._stopping and (left := moment - time.monotonic()) > 0:
            time.sleep(min(left, STOP_WITHIN_S))

    def _dispatch(self, due: float) -> None:
        if self._tally.in_flight >= self._limit:
            self._tally.dropped()
            return
        self._tally.begun(late=time.monotonic() - due > LATE_S)
        if self._tally.in_flight > self._threads:
            self._threads += 1
            threading.Thread(target=self._work, name=f"load-{self._threads}", daemon=True).start()
        self._due.put(due)

    def _work(self) -> None:
        while True:
            due = self._due.get()
            outcome, journey = self._send()
            self._tally.ended(outcome, journey, time.monotonic() - due)
