"""What became of the requests of a load: counts by outcome, and latencies in buckets of bounded number."""

from __future__ import annotations

import math
import threading
from collections import Counter
from enum import Enum
from typing import Any

# Neighbouring buckets lie 2 % apart, so a quantile is off by at most that.
_STEP = math.log(1.02)
_SMALLEST_S = 0.0001


class Outcome(Enum):
    OK = "ok"
    DECLINED = "declined"  # 402: the store works, the card does not
    REFUSED = "refused"  # any other 4xx: the load asked for nonsense
    FAILED = "failed"  # 5xx, no connection, no answer in time


def outcome_of(status: int) -> Outcome:
    if status < 400:
        return Outcome.OK
    if status == 402:
        return Outcome.DECLINED
    return Outcome.REFUSED if status < 500 else Outcome.FAILED


class Latencies:
    """A histogram of durations in seconds."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self.longest_s = 0.0

    def add(self, seconds: float) -> None:
        self._buckets[max(0, math.ceil(math.log(max(seconds, _SMALLEST_S) / _SMALLEST_S) / _STEP))] += 1
        self.count += 1
        self.longest_s = max(self.longest_s, seconds)

    def quantile_s(self, share: float) -> float | None:
        """The smallest bucket bound that at least `share` of the durations do not exceed; None without any."""
        wanted, seen = share * self.count, 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return float(min(_SMALLEST_S * math.exp(bucket * _STEP), self.longest_s))
        return None


class Tally:
    """Counts of one load. Safe to use from several threads.

    `late`: begun noticeably after it was due. `dropped`: never sent, because all connections were in use.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: Counter[Outcome] = Counter()
        self._journeys: Counter[str] = Counter()
        self._latencies = Latencies()
        self._late = 0
        self._dropped = 0
        self._in_flight = 0

    def begun(self, late: bool) -> None:
        with self._lock:
            self._in_flight += 1
            self._late += late

    def dropped(self) -> None:
        with self._lock:
            self._dropped += 1

    def ended(self, outcome: Outcome, journey: str, seconds_since_due: float) -> None:
        with self._lock:
            self._in_flight -= 1
            self._outcomes[outcome] += 1
            self._journeys[journey] += 1
            self._latencies.add(seconds_since_due)

    @property
    def in_flight(self) -> int:
        return self._in_flight

    def summary(self, elapsed_s: float) -> dict[str, Any]:
        """The counts so far as JSON values; latencies are measured from the time a request was due."""
        with self._lock:
            done = sum(self._outcomes.values())
            quantiles = {f"p{share * 100:g}": self._latencies.quantile_s(share) for share in (0.5, 0.95, 0.99)}
            quantiles["max"] = self._latencies.longest_s if done else None
            return {
                "elapsed_s": round(elapsed_s, 3),
                "requests": done + self._in_flight,
                "requests_per_s": round((done + self._in_flight) / elapsed_s, 2) if elapsed_s else 0.0,
                **{outcome.value: self._outcomes[outcome] for outcome in Outcome},
                "unanswered": self._in_flight,
                "late": self._late,
                "dropped": self._dropped,
                "latency_ms": {name: None if s is None else round(s * 1000, 2) for name, s in quantiles.items()},
                "by_journey": dict(sorted(self._journeys.items())),
            }
