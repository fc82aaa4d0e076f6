"""A Zipkin client of others, OpenTelemetry's exporter, delivers spans that Zipkin's API gives back as they were sent.

What it sends as v2 in JSON is also sent as v2 in protobuf (its own exporter for that asks for a protobuf library of
2021) and, by its v1 encoder, as v1.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest
from opentelemetry.exporter.zipkin.encoder import Protocol
from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode

from spanwise_collector.intake.zipkin._v2_protobuf import ListOfSpans
from tests.collector.running_collector import RunningCollector, fetch, wait_for

TAGS = {"zero": 0, "no": False, "yes": True, "blank": "", "float": 0.0, "text": "ü", "many": ["a", ""], "none": []}
KINDS = {"CLIENT": 1, "SERVER": 2, "PRODUCER": 3, "CONSUMER": 4}


@pytest.fixture
def spans() -> tuple[ReadableSpan, ...]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "zipkin-client", "cpus": 4}))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("scope", "1.2")
    with tracer.start_as_current_span("root", kind=SpanKind.SERVER, attributes=TAGS) as root:
        root.add_event("checked", {"count": 0, "ok": False, "why": ""})
        with tracer.start_as_current_span("child", kind=SpanKind.CLIENT) as child:
            child.set_status(Status(StatusCode.ERROR, "it broke"))
        with tracer.start_as_current_span("sent", kind=SpanKind.PRODUCER) as fine:
            fine.set_status(Status(StatusCode.OK))
        tracer.start_span("inside").end()
    return memory.get_finished_spans()


def exporter(collector: RunningCollector, version: Protocol, path: str) -> ZipkinExporter:
    address = ("192.168.99.1", "2001:db8::c001", 3306)
    return ZipkinExporter(version, f"{collector.url}{path}", *address, max_tag_value_length=1000)


def read_back(collector: RunningCollector, trace_id: str, number: int) -> dict[str, dict[str, Any]]:
    """By span id, as Zipkin's API answers."""

    def whole() -> dict[str, dict[str, Any]]:
        answer = collector.get(f"/api/v2/trace/{trace_id}")
        found = {span["id"]: span for span in answer.json} if answer.status == 200 else {}
        return found if len(found) == number else {}

    return wait_for(whole, what="the whole trace")  # type: ignore[no-any-return]


def as_sent(client: ZipkinExporter, spans: tuple[ReadableSpan, ...]) -> list[dict[str, Any]]:
    return json.loads(client.encoder.serialize(spans, client.local_node))  # type: ignore[no-any-return]


def assert_equal(sent: list[dict[str, Any]], found: dict[str, dict[str, Any]]) -> None:
    assert len(found) == len(sent) == 4
    for span in sent:
        present = {key: value for key, value in span.items() if value is not None}
        tags = {key: value for key, value in span["tags"].items() if value is not None}
        assert found[span["id"]] == {"annotations": [], **present, "tags": tags}


def test_v2_in_json(collector: RunningCollector, spans: tuple[ReadableSpan, ...]) -> None:
    client = exporter(collector, Protocol.V2, "/api/v2/spans")
    assert client.export(spans) is SpanExportResult.SUCCESS
    client.shutdown()
    sent = as_sent(client, spans)
    assert_equal(sent, read_back(collector, sent[0]["traceId"], 4))


def test_v2_in_protobuf(collector: RunningCollector, spans: tuple[ReadableSpan, ...]) -> None:
    sent = as_sent(exporter(collector, Protocol.V2, "/"), spans)
    body = ListOfSpans(spans=[_protobuf(span) for span in sent]).SerializeToString()
    answer = fetch(f"{collector.url}/api/v2/spans", "POST", body, content_type="application/x-protobuf")
    assert answer.status == 202
    assert_equal(sent, read_back(collector, sent[0]["traceId"], 4))


def _protobuf(span: dict[str, Any]) -> dict[str, Any]:
    local = span["localEndpoint"]
    return {
        "trace_id": bytes.fromhex(span["traceId"]),
        "id": bytes.fromhex(span["id"]),
        "parent_id": bytes.fromhex(span.get("parentId", "")),
        "kind": KINDS.get(span["kind"], 0),
        "name": span["name"],
        "timestamp": span["timestamp"],
        "duration": span["duration"],
        "debug": span["debug"],
        "tags": [{"key": key, "value": value} for key, value in span["tags"].items()],
        "annotations": span.get("annotations") or [],
        "local_endpoint": {
            "service_name": local["serviceName"],
            "port": local["port"],
            "ipv4": ipaddress.ip_address(local["ipv4"]).packed,
            "ipv6": ipaddress.ip_address(local["ipv6"]).packed,
        },
    }


def test_v1_in_json(collector: RunningCollector, spans: tuple[ReadableSpan, ...]) -> None:
    client = exporter(collector, Protocol.V1, "/api/v1/spans")
    assert client.export(spans) is SpanExportResult.SUCCESS
    client.shutdown()
    sent = as_sent(client, spans)
    found = read_back(collector, sent[0]["traceId"], 4)
    for span in sent:
        tags = {item["key"]: item["value"] for item in span["binaryAnnotations"] if item["value"] is not None}
        assert found[span["id"]]["tags"] == tags
        assert (found[span["id"]]["name"], found[span["id"]]["timestamp"]) == (span["name"], span["timestamp"])


def test_zero_false_and_blank_stay_what_they_are(collector: RunningCollector, spans: tuple[ReadableSpan, ...]) -> None:
    client = exporter(collector, Protocol.V2, "/api/v2/spans")
    client.export(spans)
    client.shutdown()
    root = next(span for span in spans if span.name == "root")
    assert root.context is not None
    found = read_back(collector, format(root.context.trace_id, "032x"), 4)
    tags = found[format(root.context.span_id, "016x")]["tags"]
    kept = {key: tags[key] for key in ("zero", "no", "yes", "blank", "float", "many", "none")}
    assert kept == {
        "zero": "0",
        "no": "false",
        "yes": "true",
        "blank": "",
        "float": "0.0",
        "many": '["a",""]',
        "none": "[]",
    }
