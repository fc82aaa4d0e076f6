"""The metrics a moment ago, so that a page can say how fast something changes. Nothing runs while nobody looks."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spanwise.admin.series import flat

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from spanwise.admin.process import Process

PERIOD_S = 1.0
# A watcher that comes back after longer sees no change of before.
_STALE_S = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """`at` in time.monotonic()."""

    at: float
    numbers: dict[str, float]


class Sampler:
    """Shared by all watchers: the registry is read once a second at most, however many there are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._registry: CollectorRegistry | None = None
        self._before: Sample | None = None
        self._latest: Sample | None = None

    def look(self, process: Process) -> tuple[Sample, Sample | None]:
        """The latest sample, a second old at most, and the one before it."""
        with self._lock:
            now = time.monotonic()
            if self._registry is not process.registry:
                self._registry, self._before, self._latest = process.registry, None, None
            if self._latest is None or now - self._latest.at >= PERIOD_S:
                fresh = self._latest is not None and now - self._latest.at < _STALE_S
                self._before = self._latest if fresh else None
                self._latest = Sample(now, flat(process.registry, process.metrics()))
            return self._latest, self._before


SAMPLER = Sampler()
