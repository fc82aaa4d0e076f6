from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Gauge

from spanwise.admin.process import Process
from spanwise.admin.summary import summarize


def process(registry: CollectorRegistry, started_at: float) -> Process:
    return Process({}, registry, None, started_at)


def test_one_pass_gives_the_service_and_its_routes(registry):
    Gauge("process_resident_memory_bytes", "RSS", registry=registry).set(123)
    summary = summarize(process(registry, time.time() - 5))
    assert (summary.total.requests, summary.total.failed, summary.total.failed_share) == (10, 1, 0.1)
    assert (summary.in_flight, summary.resident_bytes) == (2, 123)
    assert 1.5 < summary.requests_per_s <= 2
    assert [(key, traffic.requests) for key, traffic in summary.busiest(5)] == [
        (("GET", "/orders/{id}"), 9),
        (("POST", "/orders"), 1),
    ]
    assert len(summary.busiest(1)) == 1


def test_a_process_without_requests():
    summary = summarize(process(CollectorRegistry(), time.time() + 60))
    assert (summary.uptime_s, summary.requests_per_s, summary.total.failed_share) == (0, 0, 0)
    assert summary.resident_bytes is None
