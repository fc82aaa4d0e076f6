"""The standard is consistent with itself, with Prometheus' rules and with what the library really emits."""

from __future__ import annotations

import gc
import re

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from spanwise import standard
from spanwise.metrics import from_standard, unit_suffix
from spanwise.standard import BY_NAME, BY_SERIES, METRICS, Better, Kind, Metric

_CLASSES = {Kind.COUNTER: Counter, Kind.GAUGE: Gauge, Kind.HISTOGRAM: Histogram}
# The semantic conventions: http.server.request.duration and http.client.request.duration.
ADVISED = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


def named(metric: Metric) -> str:
    return metric.name


@pytest.mark.parametrize("metric", METRICS, ids=named)
def test_a_row(metric: Metric) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name)
    assert metric.description.strip().endswith((".", "1."))
    assert (metric.kind is Kind.COUNTER) == metric.name.endswith("_total")
    assert (metric.kind is Kind.HISTOGRAM) == bool(metric.buckets)
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert not set(metric.labels) & {"le", "quantile", *standard.IDENTITY_LABELS}
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", label) for label in metric.labels)
    low, high = metric.domain
    assert low is None or high is None or low <= high


@pytest.mark.parametrize("metric", [m for m in METRICS if not m.name.endswith("_info")], ids=named)
def test_a_name_says_its_unit(metric: Metric) -> None:
    suffix = unit_suffix(metric.unit, metric.kind)
    assert metric.name.removesuffix("_total").endswith(suffix)


@pytest.mark.parametrize("metric", METRICS, ids=named)
def test_prometheus_emits_it_under_its_own_series(metric: Metric) -> None:
    registry = CollectorRegistry()
    instrument = from_standard(_CLASSES[metric.kind], metric, registry)
    if metric.labels:
        instrument = instrument.labels(*("x" for _ in metric.labels))
    emitted = {sample.name for family in registry.collect() for sample in family.samples}
    assert set(metric.series) <= emitted
    assert {name for name in emitted if not name.endswith("_created")} == set(metric.series)
    assert instrument is not None


def test_no_name_and_no_series_twice() -> None:
    assert len(BY_NAME) == len(METRICS)
    assert len(BY_SERIES) == sum(len(metric.series) for metric in METRICS)


def test_the_conventions_buckets() -> None:
    assert standard.HTTP_SERVER_REQUEST_DURATION.buckets == ADVISED
    assert standard.HTTP_CLIENT_REQUEST_DURATION.buckets == ADVISED


def test_errors_are_better_when_lower() -> None:
    assert standard.SPANS_DROPPED.better is Better.LOWER


def test_what_prometheus_client_emits_itself_is_in_the_table() -> None:
    registry = CollectorRegistry()
    GCCollector(registry)
    PlatformCollector(registry)
    ProcessCollector(registry=registry)
    gc.collect()
    for family in registry.collect():
        for sample in family.samples:
            row = BY_SERIES[sample.name]
            assert set(sample.labels) <= set(row.labels), sample.name


def test_identity() -> None:
    for label in standard.IDENTITY_LABELS:
        assert label in standard.IDENTITY_ATTRIBUTES.values()
    for label in standard.TARGET_INFO.labels:
        assert label in standard.IDENTITY_ATTRIBUTES.values()
    for attribute, label in standard.IDENTITY_ATTRIBUTES.items():
        assert attribute.replace(".", "_") == label
