"""Spans a second, by token."""

from __future__ import annotations

import pytest

from spanwise_collector.intake import OverloadedError, RateLimit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_sender_beyond_its_rate_waits_and_others_do_not() -> None:
    clock = Clock()
    limit = RateLimit(100, by_token=True, clock=clock)
    limit.check("a")
    limit.charge("a", 250)
    with pytest.raises(OverloadedError, match="MAX_RATE"):
        limit.check("a")
    limit.check("b")
    clock.now = 0.6
    limit.check("a")


def test_what_is_not_checked_is_not_a_bucket_of_its_own() -> None:
    limit = RateLimit(100, by_token=False, clock=Clock())
    limit.charge("made up", 250)
    with pytest.raises(OverloadedError):
        limit.check("another")


def test_no_limit() -> None:
    limit = RateLimit(None, by_token=True)
    limit.charge("a", 10**9)
    limit.check("a")
