"""The runtime metrics that prometheus-client lacks: GC pauses, threads, thread pools, the limits of the container."""

from __future__ import annotations

import gc
import threading
from functools import cache
from time import perf_counter

from prometheus_client import REGISTRY, Gauge, Histogram

from spanwise import standard
from spanwise.container_limits import ContainerLimits
from spanwise.executors import ExecutorCollector
from spanwise.metrics import from_standard

_GENERATIONS = 3


class GcPauses:
    """A gc callback. It runs inside the collector, so it only reads a clock and adds a number."""

    def __init__(self, pauses: Histogram) -> None:
        self._observe = [pauses.labels(str(generation)).observe for generation in range(_GENERATIONS)]
        self._began = 0.0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = perf_counter()
        elif self._began:
            self._observe[info["generation"]](perf_counter() - self._began)
            self._began = 0.0


@cache
def start() -> GcPauses:
    """Starts the runtime metrics of this process, once."""
    from_standard(Gauge, standard.PYTHON_THREADS).set_function(threading.active_count)
    pauses = GcPauses(from_standard(Histogram, standard.PYTHON_GC_PAUSE))
    gc.callbacks.append(pauses)
    REGISTRY.register(ExecutorCollector())
    REGISTRY.register(ContainerLimits())
    return pauses
