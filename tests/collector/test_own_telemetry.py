"""The collector is a service like any other: metrics, an admin port, spans, an entry in its own registry."""

from __future__ import annotations

import time

import pytest

from tests.collector.conftest import CollectorFactory
from tests.collector.otlp_requests import payload, span
from tests.collector.running_collector import RunningCollector, fetch, wait_for


def metric(running: RunningCollector, name: str, *labels: str) -> float:
    for line in fetch(f"{running.admin_url}/metrics").body.decode().splitlines():
        if line.startswith(f"{name}{{") and all(label in line for label in labels):
            return float(line.rpartition(" ")[2])
    return 0.0


def span_count(running: RunningCollector) -> float:
    return metric(running, "spanwise_collector_received_spans_total", 'protocol="own"')


def test_an_idle_collector_makes_no_spans(new_collector: CollectorFactory) -> None:
    running = new_collector(OTEL_TRACES_SAMPLER="always_on").start()
    body = b'{"identity": {"service.name": "idle"}, "metrics": "127.0.0.1:1/metrics"}'

    def everything_machines_call() -> None:
        assert running.send(payload(span(), service="idle")).status == 200
        assert fetch(f"{running.url}/api/spanwise/instances/i", "PUT", body).status == 204
        for path in ("/api/spanwise/instances", "/api/spanwise/sampling?service=x", "/sd/prometheus"):
            assert running.get(path).status == 200
        for path in ("/health", "/livez", "/readyz"):
            assert running.get(path).status == 200
        for path in ("/metrics", "/health", "/admin/ping"):
            assert fetch(f"{running.admin_url}{path}").status == 200

    everything_machines_call()
    time.sleep(1.2)  # longer than the exporter's delay: whatever the start left is out
    before = span_count(running)
    for _ in range(5):
        everything_machines_call()
    time.sleep(1.2)
    assert span_count(running) == before
    fetch(f"{running.url}/api/spanwise/services")
    wait_for(lambda: span_count(running) == before + 1, what="the span of a request that is traced")
    wait_for(
        lambda: running.get("/api/spanwise/traces?service=spanwise-collector").json["traces"],
        what="the collector's own span in its store",
    )


def test_its_metrics_count_what_it_did(new_collector: CollectorFactory) -> None:
    running = new_collector().start()
    bad = span()
    bad.trace_id = b"\1" * 17
    running.send(payload(span(), span(), bad))
    running.send(b"\xff\xff")
    wait_for(lambda: metric(running, "spanwise_collector_stored_spans_total") >= 2, what="stored spans")
    assert metric(running, "spanwise_collector_received_spans_total", 'protocol="otlp_http"') == 2
    assert metric(running, "spanwise_collector_rejected_spans_total", 'reason="trace_id"') == 1
    assert metric(running, "spanwise_collector_rejected_requests_total", 'reason="malformed"') == 1
    assert metric(running, "spanwise_collector_spool_sync_duration_seconds_count") >= 1
    assert metric(running, "spanwise_collector_insert_duration_seconds_count") >= 1
    assert metric(running, "spanwise_collector_spool_bytes") > 0
    assert metric(running, "spanwise_collector_instances") == 1


def test_it_is_in_its_own_registry_but_not_in_what_prometheus_discovers(collector: RunningCollector) -> None:
    """The scrape configuration names it: were it discovered too, it would be scraped and counted twice."""
    instances = collector.get("/api/spanwise/instances").json["instances"]
    own = [one for one in instances if one["identity"]["service.name"] == "spanwise-collector"]
    assert [one["admin_url"] for one in own] == [collector.admin_url]
    groups = collector.get("/sd/prometheus").json
    assert [group for group in groups if group["labels"]["service_name"] == "spanwise-collector"] == []


@pytest.mark.parametrize("path", ["/admin/server_info", "/admin/metric_metadata.json"])
def test_its_admin_port_answers(collector: RunningCollector, path: str) -> None:
    assert fetch(f"{collector.admin_url}{path}").status == 200
