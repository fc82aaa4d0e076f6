"""A service's own instruments: names by the rules, errors that say what to write instead."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from spanwise import metrics
from spanwise.metrics import DeclarationError, prometheus_name, unit_suffix
from spanwise.standard import Better, Kind


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[CollectorRegistry]:
    """Declarations of this test alone."""
    monkeypatch.setattr(metrics, "_declared", {})
    yield CollectorRegistry()


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("orders_placed", "{order}", Kind.COUNTER, "orders_placed_total"),
        ("orders_placed", "1", Kind.COUNTER, "orders_placed_total"),
        ("queue_wait", "s", Kind.HISTOGRAM, "queue_wait_seconds"),
        ("queue_wait_seconds", "s", Kind.HISTOGRAM, "queue_wait_seconds"),
        ("sent", "By", Kind.COUNTER, "sent_bytes_total"),
        ("cache_hit", "1", Kind.GAUGE, "cache_hit_ratio"),
        ("score", "1", Kind.HISTOGRAM, "score"),
        ("temperature", "Cel", Kind.GAUGE, "temperature_celsius"),
        ("queue_length", "{job}", Kind.GAUGE, "queue_length"),
        ("used", "%", Kind.GAUGE, "used_percent"),
        ("wait", "ms{queue}", Kind.GAUGE, "wait_milliseconds"),
    ],
)
def test_names(name: str, unit: str, kind: Kind, expected: str) -> None:
    assert prometheus_name(name, unit, kind) == expected


@pytest.mark.parametrize("name", ["", "Orders", "orders-placed", "1st", "_x", "a.b", "größe", "a b"])
def test_wrong_names_are_told_a_right_one(name: str) -> None:
    with pytest.raises(DeclarationError, match=r"use lower-case letters, digits and _, such as '[a-z0-9_]+'"):
        prometheus_name(name, "1", Kind.GAUGE)


@pytest.mark.parametrize("ending", ["_total", "_bucket", "_count", "_sum", "_created", "_info"])
def test_reserved_endings(ending: str) -> None:
    with pytest.raises(DeclarationError, match=ending):
        prometheus_name(f"orders{ending}", "{order}", Kind.COUNTER)


def test_an_unknown_unit() -> None:
    with pytest.raises(DeclarationError, match="unit 'seconds' is not known: use UCUM"):
        unit_suffix("seconds", Kind.GAUGE)


def declare(registry: CollectorRegistry, **more: Any) -> Counter:
    given: dict[str, Any] = {"unit": "{order}", "description": "Orders accepted.", **more}
    return metrics.counter("orders_placed", registry=registry, **given)


def test_each_kind_counts(registry: CollectorRegistry) -> None:
    declare(registry, labels=("country",), better="higher").labels("nl").inc()
    metrics.gauge("in_stock", unit="{item}", description="Items.", registry=registry).set(3)
    metrics.histogram("wait", unit="s", description="Wait.", buckets=(1, 2), registry=registry).observe(1.5)
    assert registry.get_sample_value("orders_placed_total", {"country": "nl"}) == 1
    assert registry.get_sample_value("in_stock") == 3
    assert registry.get_sample_value("wait_seconds_bucket", {"le": "2.0"}) == 1
    rows = metrics.declared()
    assert [row.name for row in rows] == ["orders_placed_total", "in_stock", "wait_seconds"]
    assert [row.better for row in rows] == [Better.HIGHER, Better.NEITHER, Better.LOWER]


def test_the_same_twice_is_the_same(registry: CollectorRegistry) -> None:
    assert declare(registry) is declare(registry)
    assert len(metrics.declared()) == 1


@pytest.mark.parametrize("other", [{"unit": "1"}, {"description": "Other."}, {"labels": ("x",)}, {"better": "lower"}])
def test_another_under_the_same_name_is_an_error(registry: CollectorRegistry, other: dict[str, Any]) -> None:
    declare(registry)
    with pytest.raises(DeclarationError, match="orders_placed_total is already declared"):
        declare(registry, **other)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"description": " "}, "needs a description"),
        ({"better": "bigger"}, "better='bigger'"),
        ({"labels": ("le",)}, "'le' is not allowed"),
        ({"labels": ("service_name",)}, "'service_name' is not allowed"),
        ({"labels": ("__x",)}, "'__x' is not allowed"),
        ({"labels": ("Country",)}, "'Country' is not allowed"),
        ({"labels": ("a", "a")}, "named twice: a, a"),
        ({"labels": "country"}, r"write labels=\('country',\)"),
    ],
)
def test_what_is_not_allowed(registry: CollectorRegistry, more: dict[str, Any], why: str) -> None:
    with pytest.raises(DeclarationError, match=why):
        declare(registry, **more)
    assert metrics.declared() == []
    assert list(registry.collect()) == []


@pytest.mark.parametrize("buckets", [(), (2, 1), (1, 1), (float("nan"),), (1, float("nan"))])
def test_buckets_rise(registry: CollectorRegistry, buckets: tuple[float, ...]) -> None:
    with pytest.raises(DeclarationError, match="rising order"):
        metrics.histogram("wait", unit="s", description="Wait.", buckets=buckets, registry=registry)


def test_the_standard_s_names_are_taken(registry: CollectorRegistry) -> None:
    with pytest.raises(DeclarationError, match="belongs to the standard"):
        metrics.gauge("http_server_active_requests", unit="{request}", description="x", registry=registry)


@pytest.mark.parametrize(
    ("name", "kind"), [("http_server_request_duration_seconds", "gauge"), ("slo_events", "counter")]
)
def test_the_standard_s_names_are_taken_for_every_kind(registry: CollectorRegistry, name: str, kind: str) -> None:
    with pytest.raises(DeclarationError, match="standard"):
        getattr(metrics, kind)(name, unit="{x}", description="x", registry=registry)


def test_what_another_library_registered_is_an_error_of_ours(registry: CollectorRegistry) -> None:
    Counter("orders_placed", "Somebody else's.", registry=registry)
    with pytest.raises(DeclarationError, match="cannot be registered"):
        declare(registry)


def test_many_threads_declare_one(registry: CollectorRegistry) -> None:
    found: list[Counter] = []
    threads = [threading.Thread(target=lambda: found.append(declare(registry))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert len(set(map(id, found))) == 1


def test_they_are_prometheus_client_s_own_classes(registry: CollectorRegistry) -> None:
    assert type(declare(registry)) is Counter
    assert type(metrics.gauge("g", unit="1", description="x", registry=registry)) is Gauge
    assert type(metrics.histogram("h", unit="s", description="x", buckets=(1,), registry=registry)) is Histogram


def test_an_owner(registry: CollectorRegistry) -> None:
    metrics.counter("owned_things", unit="{thing}", description="Things.", owner=" team-a ", registry=registry)
    assert next(row.owner for row in metrics.declared() if row.name == "owned_things_total") == "team-a"
