"""What a forked child must not inherit: its parent's counts, which would be counted twice, and locks held at the fork.

A thread that held a lock when another one forked does not exist in the child, so the lock would never be let go. The
values of prometheus-client have a lock each, taken for every request; the child gets new ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.values import MutexValue

from spanwise.observing import forget
from spanwise.standard import Workers
from spanwise.workers.snapshot import MergeOf

_COUNTING = (Counter, Histogram, Summary)

# The counts of garbage collections that the interpreter has inherited, by sample name and generation.
Inherited = dict[tuple[str, str], float]


def start_afresh(registry: CollectorRegistry, merge: MergeOf, *, parent_counts: bool) -> Inherited:
    """Zeroes what the parent has counted, in place, so that cached children keep working. Call it in the child.

    Gauges keep their values when the parent itself shows none (`parent_counts` False: a master that loaded the
    application); else those that are added up start from 0 as well. Returns what cannot be zeroed.
    """
    for collector in list(getattr(registry, "_collector_to_names", ())):
        if isinstance(collector, _COUNTING):
            _renew(collector, zero=True)
        elif isinstance(collector, Gauge):
            summed = merge(Family(collector._name, "", "gauge")) is Workers.SUM
            _renew(collector, zero=parent_counts and summed)
    registry._lock = Lock()
    return garbage_collections(registry)


def garbage_collections(registry: CollectorRegistry) -> Inherited:
    """The interpreter's own counts, which a fork copies and nothing can reset."""
    found: Inherited = {}
    for collector in list(getattr(registry, "_collector_to_names", ())):
        if isinstance(collector, GCCollector):
            for family in collector.collect():
                found.update({(s.name, s.labels["generation"]): s.value for s in family.samples})
    return found


def without(families: Iterable[Family], inherited: Inherited) -> Iterable[Family]:
    """The families less what was inherited."""
    names = {name.removesuffix("_total") for name, _ in inherited}
    for family in families:
        if family.name in names:
            family.samples = [
                sample._replace(value=sample.value - inherited.get((sample.name, sample.labels["generation"]), 0.0))
                for sample in family.samples
            ]
        yield family


def _renew(metric: Any, *, zero: bool) -> None:
    """A metric and its children; the fields are prometheus-client's own, which has no way to do this."""
    if hasattr(metric, "_metrics"):
        metric._lock = Lock()
        for child in list(metric._metrics.values()):
            _renew(child, zero=zero)
    for field in ("_value", "_sum", "_count"):
        value = getattr(metric, field, None)
        if isinstance(value, MutexValue):
            _renew_value(value, zero)
    if zero:
        forget(metric)
    for bucket in getattr(metric, "_buckets", ()):
        if isinstance(bucket, MutexValue):
            _renew_value(bucket, zero)


def _renew_value(value: Any, zero: bool) -> None:
    value._lock = Lock()
    if zero:
        value._value = 0.0
        value._exemplar = None
