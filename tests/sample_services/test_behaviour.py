from __future__ import annotations

import random
from statistics import median, quantiles

import pytest

from spanwise_samples.behaviour import MOST_TIMES_MEDIAN, Behaviour, PretendedError
from spanwise_samples.settings import service_settings


def test_latency_has_the_given_median_and_spread() -> None:
    behaviour = Behaviour(0.050, 0.4, 0.0, random.Random(1))
    draws = [behaviour.latency_s() for _ in range(20_000)]
    assert median(draws) == pytest.approx(0.050, rel=0.03)
    assert quantiles(draws, n=100)[98] == pytest.approx(0.050 * 2.536, rel=0.08)  # e ** (2.326 * 0.4)
    assert median(behaviour.latency_s(2) for _ in range(20_000)) == pytest.approx(0.100, rel=0.03)


def test_the_tail_is_cut() -> None:
    behaviour = Behaviour(0.001, 3.0, 0.0, random.Random(1))
    assert max(behaviour.latency_s() for _ in range(20_000)) == pytest.approx(0.001 * MOST_TIMES_MEDIAN)


def test_requests_fail_at_the_error_rate() -> None:
    behaviour = Behaviour(0.0, 0.4, 0.2, random.Random(1))
    failed = 0
    for _ in range(2_000):
        try:
            behaviour.work()
        except PretendedError:
            failed += 1
    assert 320 < failed < 480


def test_it_comes_from_the_settings_in_seconds() -> None:
    settings = service_settings("payments", [], {"SAMPLES_PAYMENTS_LATENCY_MS": "80", "SAMPLES_ERROR_RATE": "0.5"})
    behaviour = Behaviour.of("payments", settings)
    assert (behaviour.median_s, behaviour.error_rate) == (0.08, 0.5)
