"""`/api/metrics/*`, decoded as Jaeger's Monitor tab does it."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest

from tests.collector.otlp_requests import SECOND, payload, span
from tests.collector.running_collector import RunningCollector

SHOP, BANK = "metrics-shop", "metrics-bank"
MINUTE = 60 * SECOND
# Five minutes back, so that all minutes of the test have ended.
BASE = (time.time_ns() // MINUTE - 5) * MINUTE


@pytest.fixture(scope="module")
def api(collector: RunningCollector) -> RunningCollector:
    """Two minutes: in the first ten calls that stand for a hundred, one of them failed; in the second ten."""
    first = [
        span(name="buy", start_ns=BASE + n, duration_ns=100_000_000, error=n == 0, trace_state="ot=th:e6666666666668")
        for n in range(10)
    ]
    second = [span(name="look", start_ns=BASE + MINUTE + n, duration_ns=10_000_000) for n in range(10)]
    kept = span(name="buy", start_ns=BASE, duration_ns=9 * SECOND, error=True, trace_state="spanwise=kept:error")
    client = span(name="GET", kind=3, start_ns=BASE, duration_ns=SECOND)
    collector.send(payload(*first, *second, kept, client, service=SHOP))
    collector.send(payload(span(start_ns=BASE), service=BANK))
    collector.settle()
    return collector


def metrics(api: RunningCollector, name: str, query: str) -> Any:
    end = (BASE + 2 * MINUTE) // 10**6
    answer = api.get(f"/api/metrics/{name}?endTs={end}&lookback=120000&step=60000&ratePer=60000&{query}")
    assert answer.status == 200, answer.body
    family = answer.json
    assert set(family) == {"name", "type", "help", "metrics"} and family["type"] == "GAUGE"
    for one in family["metrics"]:
        for point in one["metricPoints"]:
            datetime.strptime(point["timestamp"], "%Y-%m-%dT%H:%M:%SZ")
            assert isinstance(point["gaugeValue"]["doubleValue"], (int, float))
    return family


def values(family: Any) -> list[list[float]]:
    return [[point["gaugeValue"]["doubleValue"] for point in one["metricPoints"]] for one in family["metrics"]]


def test_call_rates_are_weighted(api: RunningCollector) -> None:
    family = metrics(api, "calls", f"service={SHOP}&service={BANK}&service=nobody")
    assert family["name"] == "service_call_rate"
    assert [one["labels"] for one in family["metrics"]] == [
        [{"name": "service_name", "value": BANK}],
        [{"name": "service_name", "value": SHOP}],
    ]
    assert values(family)[1] == [0.0, pytest.approx(100 / 60, rel=1e-3), pytest.approx(10 / 60)]


def test_error_rates_are_shares_and_kept_errors_change_nothing(api: RunningCollector) -> None:
    family = metrics(api, "errors", f"service={SHOP}")
    assert values(family) == [[pytest.approx(0.1), 0.0]]


def test_latencies_are_milliseconds(api: RunningCollector) -> None:
    [[first, second]] = values(metrics(api, "latencies", f"service={SHOP}&quantile=0.5"))
    assert 80 < first < 120 and 8 < second < 12


def test_by_operation_and_kind(api: RunningCollector) -> None:
    family = metrics(api, "calls", f"service={SHOP}&groupByOperation=true")
    assert family["name"] == "service_operation_call_rate" and family["help"].endswith("& operation")
    assert [one["labels"][0] for one in family["metrics"]] == [
        {"name": "operation", "value": "buy"},
        {"name": "operation", "value": "look"},
    ]
    for kind in ("client", "SPAN_KIND_CLIENT"):
        family = metrics(api, "calls", f"service={SHOP}&groupByOperation=true&spanKind={kind}")
        assert [one["labels"][0]["value"] for one in family["metrics"]] == ["GET"]


def test_the_least_step_is_what_is_kept(api: RunningCollector) -> None:
    assert api.get("/api/metrics/minstep").json["data"] == 60_000
    assert values(metrics(api, "calls", "service=nobody")) == []


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("calls", "service"),
        ("latencies?service=a", "quantile"),
        ("latencies?service=a&quantile=95", "quantile"),
        ("latencies?service=a&quantile=nan", "quantile"),
        ("calls?service=a&step=0", "step"),
        ("calls?service=a&lookback=86400000&step=1", "step"),
        ("calls?service=a&spanKind=x", "spanKind"),
        ("calls?service=a&endTs=x", "endTs"),
        ("calls?service=a&lookback=99999999999999999", "lookback"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(api: RunningCollector, path: str, named: str) -> None:
    answer = api.get(f"/api/metrics/{path}")
    assert answer.status == 400 and named in answer.json["errors"][0]["msg"]
