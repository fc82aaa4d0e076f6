"""Counters out of sums that are read anew each time.

The sums are those of all minutes since an anchor, so a span that comes late, or in another order, is counted when it
comes, and nothing has to be remembered by minute. The anchor moves on now and then; what lay before it is kept. A sum
that shrinks (a minute was read again and an edge turned out to be another) holds its counter still until it has grown
over it: a counter never goes back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

Key = tuple[str, ...]
OTHER = "_other"


@dataclass(slots=True)
class Total:
    """`buckets` are weights by number, `seconds` their weighted time, `errors` the weight of those that failed."""

    seconds: float = 0.0
    errors: float = 0.0
    buckets: dict[int, float] = field(default_factory=dict)

    def add(self, other: Total, sign: int = 1) -> None:
        self.seconds += sign * other.seconds
        self.errors += sign * other.errors
        for bucket, weight in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0.0) + sign * weight

    def raise_to(self, other: Total) -> None:
        self.seconds = max(self.seconds, other.seconds)
        self.errors = max(self.errors, other.errors)
        for bucket, weight in other.buckets.items():
            self.buckets[bucket] = max(self.buckets.get(bucket, 0.0), weight)


class Totals:
    """At most `most` keys, first come; what comes beyond them is counted under OTHER.

    First the second label becomes OTHER (a span's name, a callee); when there are `most` such keys too, also the first.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._before: dict[Key, Total] = {}  # of the time before the anchor
        self._admitted: set[Key] = set()
        self._others: set[Key] = set()
        self.shown: dict[Key, Total] = {}

    def begin(self, since_anchor: Mapping[Key, Total]) -> None:
        """All counters are 0 at what is there now."""
        for key, total in self._few(since_anchor).items():
            self._before.setdefault(key, Total()).add(total, -1)
            self.shown[key] = Total(buckets=dict.fromkeys(total.buckets, 0.0))

    def pass_anchor(self, passed: Mapping[Key, Total]) -> None:
        """The anchor moves on: these are the sums of the minutes that it passes."""
        for key, total in self._few(passed).items():
            self._before.setdefault(key, Total()).add(total)

    def update(self, since_anchor: Mapping[Key, Total]) -> None:
        few = self._few(since_anchor)
        for key in {*few, *self._before}:
            now = Total()
            for part in (self._before.get(key), few.get(key)):
                if part is not None:
                    now.add(part)
            self.shown.setdefault(key, Total()).raise_to(now)

    def _few(self, totals: Mapping[Key, Total]) -> dict[Key, Total]:
        few: dict[Key, Total] = {}
        for key, total in totals.items():
            few.setdefault(self._fold(key), Total()).add(total)
        return few

    def _fold(self, key: Key) -> Key:
        if key in self._admitted:
            return key
        if len(self._admitted) < self._most:
            self._admitted.add(key)
            return key
        if not self._others:
            log.warning(
                "%s: more than %d combinations of labels; further ones are counted as %r"
                " (SPANWISE_COLLECTOR_SPAN_METRICS_MAX)",
                self._name,
                self._most,
                OTHER,
            )
        other = (key[0], OTHER, *key[2:])
        if other not in self._others and len(self._others) >= self._most:
            return (OTHER, OTHER, *key[2:])
        self._others.add(other)
        return other


def combined(totals: Iterable[tuple[Key, Total]]) -> dict[Key, Total]:
    found: dict[Key, Total] = {}
    for key, total in totals:
        found.setdefault(key, Total()).add(total)
    return found
