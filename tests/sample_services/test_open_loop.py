from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from spanwise_samples.open_loop import OpenLoop
from spanwise_samples.tally import Outcome, Tally


def loop(send: Callable[[], tuple[Outcome, str]], rate: float, in_flight: int) -> tuple[OpenLoop, Tally]:
    tally = Tally()
    return OpenLoop(send, rate, in_flight, tally, random.Random(1)), tally


def test_arrivals_keep_the_rate_however_slow_the_answers_are() -> None:
    def slow() -> tuple[Outcome, str]:
        time.sleep(0.2)
        return Outcome.OK, "browse"

    open_loop, tally = loop(slow, rate=150, in_flight=200)
    open_loop.run(2.0)
    open_loop.drain(2.0)
    summary = tally.summary(2.0)
    assert 240 < summary["requests"] < 360  # 300 expected, 17 the standard deviation
    assert summary["dropped"] == 0
    assert summary["unanswered"] == 0


def test_what_is_due_while_all_are_in_use_is_dropped_and_counted() -> None:
    release = threading.Event()

    def stuck() -> tuple[Outcome, str]:
        release.wait(10)
        return Outcome.OK, "browse"

    open_loop, tally = loop(stuck, rate=100, in_flight=3)
    open_loop.run(1.0)
    summary = tally.summary(1.0)
    assert summary["unanswered"] == summary["requests"] == 3
    assert summary["dropped"] > 50
    release.set()
    open_loop.drain(2.0)
    assert tally.summary(1.0)["unanswered"] == 0


def test_a_late_start_is_counted_and_stays_in_the_latency() -> None:
    """The loop is held up for half a second: what was due meanwhile begins late, and its latency says so."""
    first = threading.Event()

    class Held(Tally):
        def begun(self, late: bool) -> None:
            super().begun(late)
            if not first.is_set():
                first.set()
                time.sleep(0.5)

    tally = Held()
    open_loop = OpenLoop(lambda: (Outcome.OK, "browse"), 100, 200, tally, random.Random(1))
    open_loop.run(1.0)
    open_loop.drain(2.0)
    summary = tally.summary(1.0)
    assert 20 < summary["late"] < summary["requests"]
    assert summary["latency_ms"]["max"] > 400


def test_stop_ends_it_soon() -> None:
    open_loop, _ = loop(lambda: (Outcome.OK, "browse"), rate=0.01, in_flight=1)
    threading.Timer(0.2, open_loop.stop).start()
    begin = time.monotonic()
    open_loop.run(60.0)
    assert time.monotonic() - begin < 2.0
