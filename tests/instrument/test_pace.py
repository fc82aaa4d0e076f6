"""Background work yields by time, follows what a yield costs, and is not polite when it is urgent."""

from __future__ import annotations

import pytest

from spanwise import pace as module
from spanwise.pace import LONGEST_SLICE_S, SHORTEST_SLICE_S, Pace


class Clock:
    """Time that passes only by working and by yielding, which costs more than the sleep beside busy threads."""

    def __init__(self, yield_costs_s: float) -> None:
        self.now = 100.0
        self.yields: list[float] = []
        self.yield_costs_s = yield_costs_s

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.yields.append(self.now)
        self.now += seconds + self.yield_costs_s

    def work(self, pace: Pace, seconds: float, items: int = 1000) -> None:
        for _ in range(items):
            self.now += seconds / items
            pace()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Clock:
    clock = Clock(getattr(request, "param", 0.0))
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_short_work_does_not_yield(clock: Clock) -> None:
    clock.work(Pace(lambda: False), SHORTEST_SLICE_S * 0.9)
    assert clock.yields == []


def test_where_nobody_is_busy_slices_are_short(clock: Clock) -> None:
    clock.work(Pace(lambda: False), SHORTEST_SLICE_S * 50, items=5000)
    assert 40 <= len(clock.yields) <= 50


@pytest.mark.parametrize("clock", [0.003, 1.0], indirect=True)
def test_beside_busy_threads_the_work_keeps_its_share(clock: Clock) -> None:
    clock.work(Pace(lambda: False), 0.5, items=50_000)
    slices = 0.5 / min(clock.yield_costs_s, LONGEST_SLICE_S)
    assert 0.5 * slices < len(clock.yields) <= slices + 2


def test_urgent_work_does_not_yield(clock: Clock) -> None:
    clock.work(Pace(lambda: True), 1.0)
    assert clock.yields == []


def test_it_becomes_polite_again(clock: Clock) -> None:
    urgent = [True]
    pace = Pace(lambda: urgent[0])
    clock.work(pace, 0.01)
    urgent[0] = False
    clock.work(pace, 0.01)
    assert clock.yields


def test_the_question_is_asked_once_a_slice(clock: Clock) -> None:
    asked: list[float] = []

    def urgent() -> bool:
        asked.append(clock.now)
        return True

    clock.work(Pace(urgent), SHORTEST_SLICE_S * 10, items=1000)
    assert len(asked) <= 10
