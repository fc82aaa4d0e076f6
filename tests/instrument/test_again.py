"""A process that is instrumented again after a shutdown, as notebooks and test suites do it."""

from __future__ import annotations

from collections.abc import Callable

from tests.instrument.collector_sink import CollectorSink, attributes
from tests.instrument.conftest import Ran

TWICE = """
import json, os
import requests
import spanwise
from flask import Flask
from opentelemetry import trace
from prometheus_client import REGISTRY

app = Flask("shop")
app.get("/x", endpoint="x")(lambda: requests.get(os.environ["SINK"] + "/elsewhere", timeout=5).text or "fine")
tracer = trace.get_tracer("of before")  # a proxy, until there is a provider
found = []
for service, rate in (("one", 1.0), ("two", 1.0), ("three", 0.0)):
    instrumentation = spanwise.instrument(app, service=service, sample_rate=rate, collector=os.environ["SINK"])
    early = early if found else trace.get_tracer("early")
    for each in (tracer, early):
        each.start_span(f"{service} own").end()
    with spanwise.task(f"{service} task"):
        assert app.test_client().get("/x").text == "fine"
    instrumentation.force_flush()
    is_global = trace.get_tracer_provider() is instrumentation.tracer_provider
    found.append([instrumentation.identity.service_name, is_global])
    instrumentation.shutdown()
requests_of_all = REGISTRY.get_sample_value("http_server_request_duration_seconds_count",
    {"http_request_method": "GET", "http_route": "/x", "http_response_status_code": "200"})
dropped = REGISTRY.get_sample_value("otel_sdk_exporter_span_dropped_total", {"reason": "shutdown"})
print(json.dumps([found, requests_of_all, dropped]))
"""


def test_spans_go_where_the_last_one_says(run: Callable[..., Ran], sink: CollectorSink) -> None:
    ran = run(TWICE, SINK=sink.url)
    found, requests, dropped = ran.json
    assert found == [["one", True], ["two", True], ["three", True]]
    assert (requests, dropped) == (3, 0)
    assert "another tracer provider" not in ran.stderr
    by_service: dict[str, list[str]] = {}
    for message in sink.messages():
        for group in message.resource_spans:
            names = by_service.setdefault(attributes(group.resource)["service.name"], [])
            names += [span.name for scope in group.scope_spans for span in scope.spans]
    for service in ("one", "two"):
        assert sorted(by_service[service]) == sorted(
            [f"{service} own", f"{service} own", f"{service} task", "GET /x", "GET"]
        )
    assert "three" not in by_service  # at a rate of 0


OWN_PROVIDER = """
import json, os
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
theirs = TracerProvider()
trace.set_tracer_provider(theirs)
import spanwise
from prometheus_client import REGISTRY
for service in ("one", "two"):
    instrumentation = spanwise.instrument(service=service, collector=os.environ["SINK"])
    trace.get_tracer("x").start_span(service).end()
    instrumentation.force_flush()
    instrumentation.shutdown()
print(json.dumps(REGISTRY.get_sample_value("otel_sdk_exporter_span_dropped_total", {"reason": "shutdown"})))
"""


def test_another_provider_has_our_last_exporter_alone(run: Callable[..., Ran], sink: CollectorSink) -> None:
    assert run(OWN_PROVIDER, SINK=sink.url).json == 0
    assert [span.name for span in sink.spans()] == ["one", "two"]
