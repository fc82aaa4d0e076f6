"""How a sample service behaves: the time it pretends to work, and the share of requests it fails."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from spanwise.settings import Settings

from .settings import of_service

# A draw far out in the tail must not hold a thread for ever when the spread is set high.
MOST_TIMES_MEDIAN = 50.0


class PretendedError(Exception):
    """The service fails this request because its error rate says so."""


@dataclass(slots=True)
class Behaviour:
    """Latency is lognormal, as of most real services: `median_s` is its median, `spread` the sigma of its logarithm."""

    median_s: float
    spread: float
    error_rate: float
    chance: random.Random = field(default_factory=random.Random)

    @classmethod
    def of(cls, service: str, settings: Settings) -> Behaviour:
        return cls(
            of_service(settings, service, "LATENCY_MS") / 1000,
            settings["SAMPLES_LATENCY_SPREAD"],
            of_service(settings, service, "ERROR_RATE"),
        )

    def latency_s(self, times: float = 1.0) -> float:
        """One draw, for a request that takes `times` as long as the service's usual one."""
        factor = min(self.chance.lognormvariate(0.0, self.spread), MOST_TIMES_MEDIAN)
        return self.median_s * times * factor

    def work(self, times: float = 1.0) -> None:
        """Sleeps for one draw. Raises PretendedError at the error rate."""
        time.sleep(self.latency_s(times))
        if self.chance.random() < self.error_rate:
            raise PretendedError
