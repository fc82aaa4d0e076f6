"""Rates, error shares and latency quantiles over time, out of the one-minute aggregates.

Each point is made of the whole minutes of the window before it, so none is made of a minute that has only begun.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from spanwise_collector.query._values import text
from spanwise_collector.store import ClientPool

MINUTE_S = 60
# `bucket` is floor(4 * log2(ns)), see schema/0010_red_minutes.sql; spans that took no time are in bucket -1.
_BUCKETS_PER_DOUBLING = 4
_ZERO_BUCKET = -1


@dataclass(slots=True)
class Counts:
    """Of some minutes, by adjusted count."""

    calls: float = 0.0
    errors: float = 0.0
    buckets: dict[int, float] = field(default_factory=dict)

    def add(self, other: Counts, sign: int = 1) -> None:
        self.calls += sign * other.calls
        self.errors += sign * other.errors
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0.0) + sign * count

    def quantile_s(self, quantile: float) -> float | None:
        """The duration in seconds below which this share lies, even within its bucket; None where there is none."""
        counts = sorted((bucket, count) for bucket, count in self.buckets.items() if count > _ROUNDING)
        return _below_s(counts, quantile * sum(count for _, count in counts))


# What is left of a count when as much as was added is taken away again.
_ROUNDING = 1e-6


def bucket_edges_ns(bucket: int) -> tuple[float, float]:
    """From which duration to which: the first is in the bucket, the last in the next; none at all is from 0 to 0."""
    if bucket == _ZERO_BUCKET:
        return 0.0, 0.0
    return 2.0 ** (bucket / _BUCKETS_PER_DOUBLING), 2.0 ** ((bucket + 1) / _BUCKETS_PER_DOUBLING)


def _below_s(counts: Sequence[tuple[int, float]], wanted: float) -> float | None:
    """The duration in seconds below which so much lies, of counts by ascending bucket."""
    seen = 0.0
    for bucket, count in counts:
        if seen + count >= wanted:
            return _within(bucket, (wanted - seen) / count)
        seen += count
    return _within(counts[-1][0], 1.0) if counts else None  # the sum was rounded up


def _within(bucket: int, share: float) -> float:
    low, high = bucket_edges_ns(bucket)
    return float((low + (high - low) * min(max(share, 0.0), 1.0)) / 1e9)


@dataclass(frozen=True, slots=True)
class MinuteSeries:
    """`minutes` by the second at which they begin, since 1970."""

    service: str
    operation: str
    minutes: Mapping[int, Counts]

    def windows(self, ends_s: Sequence[int], window_s: int) -> Iterator[tuple[int, Counts]]:
        """`(end, counts)` for each end, which ascend: the whole minutes of the window before it.

        The counts are the same object each time, and change with the next.
        """
        minutes = max(window_s // MINUTE_S, 1)
        window = Counts()
        first = last = ends_s[0] // MINUTE_S - minutes if ends_s else 0
        for end_s in ends_s:
            until = end_s // MINUTE_S
            while last < until:
                self._move(window, last, 1)
                last += 1
            while first < until - minutes:
                self._move(window, first, -1)
                first += 1
            yield end_s, window

    def _move(self, window: Counts, minute: int, sign: int) -> None:
        counts = self.minutes.get(minute * MINUTE_S)
        if counts is not None:
            window.add(counts, sign)


class Minutes:
    def __init__(self, pool: ClientPool) -> None:
        self._pool = pool

    def of_services(
        self, services: Sequence[str], kinds: Sequence[str], from_s: int, to_s: int, *, by_operation: bool
    ) -> list[MinuteSeries]:
        """One for each service, or each operation, that has spans of these kinds; times are seconds since 1970."""
        parameters = {
            "services": list(services),
            "kinds": list(kinds),
            "from_s": from_s,
            "to_s": to_s,
        }
        query = "operation_minutes" if by_operation else "service_minutes"
        found: dict[tuple[str, str], dict[int, Counts]] = {}
        for service, operation, minute, calls, errors, buckets in self._pool.rows(query, parameters):
            found.setdefault((text(service), text(operation)), {})[minute] = Counts(calls, errors, dict(buckets))
        return [MinuteSeries(service, operation, minutes) for (service, operation), minutes in found.items()]
