from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from spanwise import exposition
from spanwise.pace import Pace
from spanwise.standard import Workers
from spanwise.workers.gauges import merge_of
from spanwise.workers.merging import Merge
from spanwise.workers.snapshot import Snapshot, take

Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def snapshot_of(registry: CollectorRegistry, of: str = "1-1") -> Snapshot:
    return take(registry.collect(), merge_of(tuple, registry), of, Pace(lambda: True))


def values(families: list[Family]) -> Values:
    return {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in families
        for s in family.samples
        if not s.name.endswith("_created")
    }


def merged(*registries: CollectorRegistry, dead: tuple[CollectorRegistry, ...] = ()) -> list[Family]:
    merge = Merge()
    for number, registry in enumerate(registries, 1):
        merge.add(snapshot_of(registry), str(number))
    for registry in dead:
        merge.add_dead(snapshot_of(registry))
    return list(merge.families())


def counting(amount: float, label: str = "a") -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("jobs", "Jobs.", ["kind"], registry=registry).labels(label).inc(amount)
    return registry


def gauging(value: float, mode: str) -> CollectorRegistry:
    registry = CollectorRegistry()
    Gauge("level", "A level.", registry=registry, multiprocess_mode=mode).set(value)
    return registry


def timing(*seconds: float, buckets: tuple[float, ...] = (0.1, 1.0), trace: str = "") -> CollectorRegistry:
    registry = CollectorRegistry()
    histogram = Histogram("took_seconds", "Time.", ["kind"], buckets=buckets, registry=registry)
    for each in seconds:
        histogram.labels("a").observe(each, {"trace_id": trace} if trace else None)
    return registry


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=5), st.lists(st.floats(0, 1e6), max_size=5))
def test_counters_of_the_living_and_the_dead_are_added_up(living: list[float], dead: list[float]) -> None:
    found = values(merged(*map(counting, living), dead=tuple(map(counting, dead))))
    assert found["jobs_total", (("kind", "a"),)] == pytest.approx(sum(living) + sum(dead))


def test_label_sets_that_only_one_worker_knows_stay() -> None:
    found = values(merged(counting(1, "a"), counting(2, "b"), dead=(counting(4, "c"),)))
    assert [found["jobs_total", (("kind", label),)] for label in "abc"] == [1, 2, 4]


@pytest.mark.parametrize(
    ("mode", "expected"), [("livesum", 8.0), ("max", 5.0), ("livemin", 3.0), ("livemostrecent", 5.0)]
)
def test_a_gauge_is_merged_as_it_was_declared(mode: str, expected: float) -> None:
    assert values(merged(gauging(3, mode), gauging(5, mode), dead=(gauging(100, mode),))) == {("level", ()): expected}


def test_an_undeclared_gauge_is_each_workers_own() -> None:
    found = values(merged(gauging(3, "all"), gauging(5, "all")))
    assert found == {("level", (("worker", "1"),)): 3.0, ("level", (("worker", "2"),)): 5.0}


def test_a_gauge_that_is_no_number_does_not_swallow_the_others() -> None:
    for order in ((math.nan, 5.0), (5.0, math.nan)):
        found = values(merged(*(gauging(value, "sum") for value in order)))
        assert found == {("level", ()): 5.0}


def test_histograms_are_added_up_bucket_by_bucket() -> None:
    found = values(merged(timing(0.05, 0.5), timing(0.5, 5.0), dead=(timing(0.05),)))
    buckets = [found["took_seconds_bucket", (("kind", "a"), ("le", le))] for le in ("0.1", "1.0", "+Inf")]
    assert buckets == [2, 4, 5]
    assert found["took_seconds_count", (("kind", "a"),)] == 5
    assert found["took_seconds_sum", (("kind", "a"),)] == pytest.approx(6.1)


def test_a_histogram_with_other_buckets_is_the_first_workers_alone() -> None:
    families = merged(timing(0.5), timing(0.5, buckets=(0.2, 0.3)), dead=(timing(0.5, buckets=(7.0,)),))
    assert values(families)["took_seconds_count", (("kind", "a"),)] == 1
    assert {s.labels["le"] for s in families[0].samples if "le" in s.labels} == {"0.1", "1.0", "+Inf"}


def test_of_a_buckets_exemplars_the_newest_stays() -> None:
    first, second = timing(0.5, trace="old"), timing(0.6, trace="new")
    for registries in ((first, second), (second, first)):
        families = merged(*registries)
        exemplars = [s.exemplar for s in families[0].samples if s.exemplar is not None]
        assert [(e.labels, e.value) for e in exemplars] == [({"trace_id": "new"}, 0.6)]


def test_exemplars_of_the_dead_survive_being_folded() -> None:
    merge = Merge()
    merge.add_dead(snapshot_of(timing(0.5, trace="last")))
    again = Merge()
    again.add_dead(merge.snapshot(1.0, ()))
    exemplars = [s.exemplar for f in again.families() for s in f.samples if s.exemplar is not None]
    assert [e.labels for e in exemplars] == [{"trace_id": "last"}]


def test_created_is_the_earliest_and_a_summary_is_added_up() -> None:
    registries = []
    for created in (50.0, 20.0):
        registry = CollectorRegistry()
        summary = Summary("size_bytes", "Size.", registry=registry)
        summary.observe(2)
        summary._created = created
        registries.append(registry)
    found = {s.name: s.value for family in merged(*registries) for s in family.samples}
    assert found == {"size_bytes_count": 2, "size_bytes_sum": 4, "size_bytes_created": 20.0}


def test_the_sum_is_valid_openmetrics() -> None:
    both = []
    for trace in ("a", "b"):
        registry = timing(0.05, 0.5, trace=trace)
        histogram = Histogram("other_seconds", "Time.", ["kind"], buckets=(1.0,), registry=registry)
        for kind in "xyz":
            histogram.labels(kind).observe(0.5)
        both.append(registry)

    class Merged(CollectorRegistry):
        def __init__(self) -> None:
            pass

        def collect(self) -> list[Family]:
            return merged(*both)

    text = b"".join(exposition.render(Merged(), openmetrics=True)).decode()
    assert {family.name for family in parse_openmetrics(text)} == {"took_seconds", "other_seconds"}


def test_the_dead_are_bounded() -> None:
    merge = Merge()
    for number in range(50):
        merge.add_dead(snapshot_of(counting(1, str(number))))
    bounded = merge.snapshot(1.0, (), max_series=60)
    assert sum(len(table.rows) for family in bounded.families for table in family.tables) == 60


def test_the_standards_rows_say_how_they_are_merged() -> None:
    from spanwise import standard

    merge = merge_of(lambda: standard.METRICS, CollectorRegistry())
    modes = {name: merge(Family(name, "", "gauge")) for name in ("process_open_fds", "process_start_time_seconds")}
    assert modes == {"process_open_fds": Workers.SUM, "process_start_time_seconds": Workers.MIN}
    assert merge(Family("slo_objective_ratio", "", "gauge")) is Workers.MAX
    assert merge(Family("build", "", "info")) is Workers.MAX
