"""The limits of the container as metrics: CPU throttling, CPU and memory limit, memory in use; read at the scrape.

All are gauges of the whole control group, which the workers of a service share: counters of it would be added up worker
by worker.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from spanwise import cgroup
from spanwise.standard import CGROUP_CPU_LIMIT, CGROUP_CPU_THROTTLED, CGROUP_MEMORY, CGROUP_MEMORY_LIMIT, Metric

WINDOW_S = 60.0
_READ_EVERY_S = 1.0


class ContainerLimits(Collector):
    """Registered once with a registry. The throttled share is that of about the last minute, however often one asks."""

    def __init__(self, root: Path = cgroup.ROOT) -> None:
        self._root = root
        self._readings: deque[tuple[float, cgroup.CpuUse]] = deque()
        self.throttled(time.monotonic())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield _family(CGROUP_CPU_THROTTLED, self.throttled(time.monotonic()))
        yield _family(CGROUP_CPU_LIMIT, cgroup.cpu_limit(self._root))
        yield _family(CGROUP_MEMORY_LIMIT, cgroup.memory_limit(self._root))
        yield _family(CGROUP_MEMORY, cgroup.memory_used(self._root))

    def throttled(self, now: float) -> float | None:
        """The share of scheduling periods in which the group was held back; None without a CPU limit."""
        use = cgroup.cpu_use(self._root)
        if use is None:
            return None
        readings = self._readings
        # The newest reading that is a whole window old stays: there is always one to compare with.
        while len(readings) > 1 and readings[1][0] <= now - WINDOW_S:
            readings.popleft()
        if not readings or now - readings[-1][0] >= _READ_EVERY_S:
            readings.append((now, use))
        before = readings[0][1]
        periods = use.periods - before.periods
        return (use.throttled - before.throttled) / periods if periods > 0 else 0.0


def _family(row: Metric, value: float | None) -> GaugeMetricFamily:
    family = GaugeMetricFamily(row.name, row.description)
    if value is not None:
        family.add_metric([], value)
    return family
