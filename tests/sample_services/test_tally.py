from __future__ import annotations

import random
from statistics import quantiles

import pytest

from spanwise_samples.tally import Latencies, Outcome, Tally, outcome_of


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, Outcome.OK), (302, Outcome.OK), (402, Outcome.DECLINED), (404, Outcome.REFUSED), (503, Outcome.FAILED)],
)
def test_outcome_of_a_status(status: int, outcome: Outcome) -> None:
    assert outcome_of(status) is outcome


def test_quantiles_are_off_by_at_most_a_bucket() -> None:
    chance = random.Random(1)
    durations = [chance.lognormvariate(-4, 1) for _ in range(5_000)]
    latencies = Latencies()
    for duration in durations:
        latencies.add(duration)
    exact = quantiles(durations, n=100)
    for share in (0.5, 0.95, 0.99):
        assert latencies.quantile_s(share) == pytest.approx(exact[round(share * 100) - 1], rel=0.03)
    assert latencies.longest_s == max(durations)


def test_there_is_no_quantile_of_nothing() -> None:
    assert Latencies().quantile_s(0.5) is None


def test_every_request_is_counted_once_as_answered_unanswered_or_dropped() -> None:
    tally = Tally()
    for _ in range(4):
        tally.begun(late=False)
    tally.begun(late=True)
    tally.dropped()
    tally.ended(Outcome.OK, "browse", 0.010)
    tally.ended(Outcome.FAILED, "buy", 0.020)
    summary = tally.summary(elapsed_s=2.0)
    assert (summary["requests"], summary["unanswered"], summary["dropped"], summary["late"]) == (5, 3, 1, 1)
    assert (summary["ok"], summary["failed"], summary["requests_per_s"]) == (1, 1, 2.5)
    assert summary["by_journey"] == {"browse": 1, "buy": 1}
    assert summary["latency_ms"]["max"] == 20.0
