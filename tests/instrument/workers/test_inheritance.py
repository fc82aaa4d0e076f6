from __future__ import annotations

import gc
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.gc_collector import GCCollector

from spanwise.workers.gauges import merge_of
from spanwise.workers.inheritance import start_afresh, without


def _start_afresh(registry: CollectorRegistry, *, parent_counts: bool) -> None:
    start_afresh(registry, merge_of(tuple, registry), parent_counts=parent_counts)


def _values(registry: CollectorRegistry) -> Iterable[float]:
    return {s.value for f in registry.collect() for s in f.samples if not s.name.endswith("_created")}


def test_what_was_counted_is_zeroed_in_place() -> None:
    registry = CollectorRegistry()
    counter = Counter("jobs", "x", registry=registry)
    child = Counter("kinds", "x", ["kind"], registry=registry).labels("a")
    histogram = Histogram("took", "x", ["kind"], registry=registry).labels("a")
    summary = Summary("size", "x", registry=registry)
    counter.inc(3, {"trace_id": "t"})
    child.inc(4)
    histogram.observe(1.0, {"trace_id": "t"})
    summary.observe(2.0)
    _start_afresh(registry, parent_counts=True)
    assert _values(registry) == {0.0}
    assert all(s.exemplar is None for f in registry.collect() for s in f.samples)
    child.inc()  # the child that the service has cached is still the one that is shown
    assert registry.get_sample_value("kinds_total", {"kind": "a"}) == 1


def test_locks_held_by_threads_of_the_parent_do_not_stay() -> None:
    registry = CollectorRegistry()
    labelled = Counter("jobs", "x", ["kind"], registry=registry)
    counter, gauge = labelled.labels("a"), Gauge("level", "x", registry=registry)
    for lock in (counter._value._lock, gauge._value._lock, labelled._lock, registry._lock):
        lock.acquire()
    _start_afresh(registry, parent_counts=True)
    counter.inc()
    gauge.set(1)
    labelled.labels("b").inc()
    assert registry.get_sample_value("jobs_total", {"kind": "a"}) == 1


def test_a_gauge_that_is_added_up_starts_at_zero_beside_a_parent_that_shows_its_own() -> None:
    for parent_counts, expected in ((True, 0.0), (False, 5.0)):
        registry = CollectorRegistry()
        Gauge("in_flight", "x", registry=registry, multiprocess_mode="sum").set(5)
        Gauge("version", "x", registry=registry, multiprocess_mode="max").set(7)
        _start_afresh(registry, parent_counts=parent_counts)
        assert registry.get_sample_value("in_flight") == expected
        assert registry.get_sample_value("version") == 7


def test_a_gauge_with_a_function_keeps_it() -> None:
    registry = CollectorRegistry()
    Gauge("answer", "x", registry=registry).set_function(lambda: 42.0)
    _start_afresh(registry, parent_counts=True)
    assert registry.get_sample_value("answer") == 42


def test_the_interpreters_own_counts_are_taken_off() -> None:
    registry = CollectorRegistry()
    GCCollector(registry)
    gc.collect()
    inherited = start_afresh(registry, merge_of(tuple, registry), parent_counts=True)
    gc.collect()
    left = {
        sample.labels["generation"]: sample.value
        for family in without(registry.collect(), inherited)
        for sample in family.samples
        if sample.name == "python_gc_collections_total"
    }
    assert left["2"] == 1
