"""Declared and never emitted: which metrics and SLOs of a service have said nothing yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from spanwise import metrics, objectives
from spanwise.metrics import counter, gauge, histogram
from spanwise.objectives import slo
from spanwise.silence import silent_metrics, silent_objectives


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[CollectorRegistry]:
    monkeypatch.setattr(metrics, "_declared", {})
    monkeypatch.setattr(objectives, "_objectives", {})
    yield CollectorRegistry()


def names() -> list[str]:
    return [row.name for row in silent_metrics()]


def test_each_kind_is_silent_until_it_is_used(registry: CollectorRegistry) -> None:
    more = {"unit": "{x}", "description": "x", "registry": registry}
    orders = counter("orders", **more)  # type: ignore[arg-type]
    by_kind = counter("orders_by_kind", labels=("kind",), **more)  # type: ignore[arg-type]
    sizes = histogram("sizes", buckets=(1, 2), **more)  # type: ignore[arg-type]
    depth = gauge("depth", labels=("queue",), **more)  # type: ignore[arg-type]
    gauge("level", **more)  # type: ignore[arg-type]
    assert names() == ["orders_total", "orders_by_kind_total", "sizes", "depth"]
    orders.inc()
    by_kind.labels("a")
    sizes.observe(1)
    depth.labels("a").set(0)
    assert names() == ["orders_by_kind_total"]
    by_kind.labels("a").inc()
    assert names() == []


def test_an_slo_is_silent_until_it_counts(registry: CollectorRegistry) -> None:
    first, second = slo("silence-one", objective=0.9), slo("silence-two", objective=0.9, route="/typo")
    assert silent_objectives() == ["silence-one", "silence-two"]
    first.count(0.1, failed=True)
    assert silent_objectives() == ["silence-two"]
    second.count(0.1, failed=False)
    assert silent_objectives() == []
