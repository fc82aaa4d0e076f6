"""A histogram's buckets as one value: count, sum, and percentiles interpolated inside a bucket."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(slots=True)
class Buckets:
    """`cumulative` maps each upper bound, +Inf among them, to the number of observations at or below it."""

    cumulative: dict[float, float] = field(default_factory=dict)
    count: float = 0.0
    sum: float = 0.0

    def add(self, other: Buckets) -> None:
        """Joins another series of the same metric, which has the same bounds."""
        for bound, number in other.cumulative.items():
            self.cumulative[bound] = self.cumulative.get(bound, 0.0) + number
        self.count += other.count
        self.sum += other.sum

    @property
    def average(self) -> float:
        """NaN while nothing was observed."""
        return self.sum / self.count if self.count else math.nan

    def quantile(self, share: float) -> float:
        """The value below which `share` (0..1) of the observations lie; NaN while there are none.

        As Prometheus' histogram_quantile: linear inside the bucket, the lowest starts at 0, and what lies above the
        highest bound is given as that bound.
        """
        bounds = sorted(self.cumulative)
        total = self.cumulative[bounds[-1]] if bounds else 0.0
        if not total:
            return math.nan
        rank = share * total
        below, lower = 0.0, min(0.0, bounds[0])
        for upper in bounds:
            inside = self.cumulative[upper]
            if inside >= rank and inside > below:
                if math.isinf(upper):
                    return lower
                return lower + (upper - lower) * (rank - below) / (inside - below)
            below, lower = inside, upper if math.isfinite(upper) else lower
        return lower
