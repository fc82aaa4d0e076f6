"""One line when the collector goes away, one when it is back, however many ask."""

from __future__ import annotations

import threading

from spanwise.tracing.outage import Outage


def test_one_line_at_the_beginning_and_one_at_the_end(said: list[str]) -> None:
    outage = Outage("http://collector.test")
    for _ in range(5):
        outage.failed("exporter", "connection refused")
    assert len(said) == 1
    assert "http://collector.test" in said[0]
    assert "connection refused" in said[0]
    for _ in range(5):
        outage.worked("exporter")
    assert len(said) == 2
    assert "answers again" in said[1]


def test_it_is_over_when_both_are_well(said: list[str]) -> None:
    outage = Outage("x")
    outage.failed("exporter", "no")
    outage.failed("registration", "no")
    outage.worked("exporter")
    assert len(said) == 1
    outage.worked("registration")
    assert len(said) == 2


def test_the_next_outage_is_said_again(said: list[str]) -> None:
    outage = Outage("x")
    for _ in range(3):
        outage.failed("exporter", "no")
        outage.worked("exporter")
    assert len(said) == 6


def test_nothing_is_said_when_all_is_well(said: list[str]) -> None:
    outage = Outage("x")
    outage.worked("exporter")
    assert said == []


def test_many_threads_one_line(said: list[str]) -> None:
    outage = Outage("x")
    threads = [threading.Thread(target=outage.failed, args=(f"party {n}", "no")) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 1
