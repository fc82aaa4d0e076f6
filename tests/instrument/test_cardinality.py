"""Label sets beyond the bound are folded, totals stay right, and it is said once."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from spanwise import cardinality
from spanwise.metrics import from_standard
from spanwise.standard import Kind, Metric, Role, ServiceKind

ROW = Metric(
    "things_total", Kind.COUNTER, "{thing}", "Things.", Role.RATE, ServiceKind.EVERY, labels=("colour", "size")
)


@pytest.fixture(autouse=True)
def small_bound() -> Iterator[None]:
    cardinality.set_max_label_sets(10)
    yield
    cardinality.set_max_label_sets(cardinality.DEFAULT_MAX_LABEL_SETS)


def values(registry: CollectorRegistry) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "things_total"
    }


def test_further_label_sets_are_folded_and_the_total_stays(caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    counter = from_standard(Counter, ROW, registry)
    with caplog.at_level(logging.WARNING, logger="spanwise"):
        for i in range(500):
            counter.labels(f"colour {i}", "big").inc()
    seen = values(registry)
    assert len(seen) == 11
    assert seen["_other", "_other"] == 490
    assert sum(seen.values()) == 500
    assert sum("things_total" in record.getMessage() for record in caplog.records) == 1
    assert "things_total" in cardinality.folded()


def test_known_label_sets_go_on_counting_beyond_the_bound() -> None:
    registry = CollectorRegistry()
    counter = from_standard(Counter, ROW, registry)
    for i in range(50):
        counter.labels(colour=i, size=1).inc()
    counter.labels(colour=3, size=1).inc()
    counter.labels(3, 1).inc()
    assert values(registry)["3", "1"] == 3


def test_wrong_labels_are_explained_by_the_instrument_itself() -> None:
    counter = from_standard(Counter, ROW, CollectorRegistry())
    for i in range(50):
        counter.labels(i, i).inc()
    with pytest.raises(ValueError):
        counter.labels("one")
    with pytest.raises(ValueError):
        counter.labels(colour="red", weight=1)


def test_a_metric_without_labels_is_left_alone() -> None:
    row = Metric("plain_seconds", Kind.HISTOGRAM, "s", "Plain.", Role.DURATION, ServiceKind.EVERY, buckets=(1.0,))
    histogram = from_standard(Histogram, row, CollectorRegistry())
    assert "labels" not in vars(histogram)
