"""Rates and quantiles over sliding windows of whole minutes."""

from __future__ import annotations

import math

import pytest

from spanwise_collector.query import MINUTE_S, Counts, MinuteSeries


def bucket(seconds: float) -> int:
    return math.floor(4 * math.log2(seconds * 1e9))


def series(counts: dict[int, tuple[float, float]]) -> MinuteSeries:
    """`{minute: (calls, errors)}`."""
    return MinuteSeries("shop", "", {minute * MINUTE_S: Counts(*both, {0: both[0]}) for minute, both in counts.items()})


def test_a_window_has_the_whole_minutes_before_its_end() -> None:
    one = series({0: (1, 0), 1: (10, 1), 2: (100, 0), 5: (1000, 7)})
    ends = [120, 125, 179, 180, 240, 300, 360, 420]
    got = [(end, counts.calls, counts.errors) for end, counts in one.windows(ends, 120)]
    assert got == [
        (120, 11, 1), (125, 11, 1), (179, 11, 1), (180, 110, 1), (240, 100, 0), (300, 0, 0), (360, 1000, 7),
        (420, 1000, 7),
    ]  # fmt: skip


def test_windows_that_overlap_agree_with_adding_up() -> None:
    minutes = {minute: (float(minute % 7), 0.0) for minute in range(200)}
    one = series(minutes)
    for end_s, counts in one.windows(range(600, 12_000, 90), 600):
        first = end_s // MINUTE_S - 10
        assert counts.calls == pytest.approx(sum(minutes[minute][0] for minute in range(first, first + 10)))


def test_a_window_shorter_than_a_minute_is_a_minute() -> None:
    assert [counts.calls for _, counts in series({1: (5, 0)}).windows([120], 1)] == [5]


def test_quantiles_lie_within_a_bucket_of_the_truth() -> None:
    counts = Counts(buckets={bucket(0.010): 90.0, bucket(1.0): 10.0})
    median, late = counts.quantile_s(0.5), counts.quantile_s(0.95)
    assert median is not None and late is not None
    assert 0.010 / 2**0.25 <= median <= 0.010 * 2**0.25
    assert 1.0 / 2**0.25 <= late <= 1.0 * 2**0.25


def test_spans_that_took_no_time() -> None:
    assert Counts(buckets={-1: 3.0}).quantile_s(0.99) == 0.0
    assert Counts().quantile_s(0.5) is None
