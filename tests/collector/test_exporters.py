"""OpenTelemetry's own exporters, and ours, deliver spans that read back equal, field by field."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from spanwise.pace import Pace
from spanwise.tracing.otlp import encode_request
from spanwise.tracing.transport import HttpTransport
from tests.collector.running_collector import RunningCollector, wait_for

Spans = Sequence[ReadableSpan]

ATTRIBUTES = {
    "zero": 0,
    "no": False,
    "blank": "",
    "yes": True,
    "most": 2**63 - 1,
    "third": 1 / 3,
    "bytes": b"\x00\xff",
    "strings": ["a", "", "ü"],
    "numbers": [1, 2],
    "floats": [0.0, 1.5],
    "flags": [True, False],
    "empty": [],
}


def as_python(item: dict) -> object:  # type: ignore[type-arg]
    """An attribute's value as Python had it."""
    import base64

    kind, value = item["type"], item["value"]
    if kind == "int":
        return int(value)
    if kind == "bytes":
        return base64.b64decode(value)
    if kind == "array":
        return tuple(as_python(element) for element in value)
    return value


def attributes(items: list) -> dict[str, object]:  # type: ignore[type-arg]
    return {item["key"]: as_python(item) for item in items}


def expected(given: object) -> dict[str, object]:
    return {key: tuple(value) if isinstance(value, list | tuple) else value for key, value in dict(given).items()}  # type: ignore[call-overload]


def over_http(compression: Compression) -> Callable[[RunningCollector, Spans], bool]:
    def send(collector: RunningCollector, spans: Spans) -> bool:
        exporter = OTLPSpanExporter(f"{collector.otlp_url}/v1/traces", compression=compression)
        try:
            return exporter.export(spans) is SpanExportResult.SUCCESS
        finally:
            exporter.shutdown()

    return send


def over_grpc(compression: grpc.Compression) -> Callable[[RunningCollector, Spans], bool]:
    def send(collector: RunningCollector, spans: Spans) -> bool:
        exporter = GrpcSpanExporter(collector.otlp_grpc, insecure=True, compression=compression)
        try:
            return exporter.export(spans) is SpanExportResult.SUCCESS
        finally:
            exporter.shutdown()

    return send


def ours(compress: bool) -> Callable[[RunningCollector, Spans], bool]:
    def send(collector: RunningCollector, spans: Spans) -> bool:
        transport = HttpTransport(f"{collector.otlp_url}/v1/traces", {}, compress=compress, user_agent="tests")
        try:
            return transport.send(transport.pack([encode_request(spans)], Pace(lambda: True)), 20).ok
        finally:
            transport.close()

    return send


EXPORTERS = {
    "http": over_http(Compression.NoCompression),
    "http gzip": over_http(Compression.Gzip),
    "grpc": over_grpc(grpc.Compression.NoCompression),
    "grpc gzip": over_grpc(grpc.Compression.Gzip),
    "ours": ours(False),
    "ours gzip": ours(True),
}


@pytest.fixture(params=EXPORTERS)
def sent(request: pytest.FixtureRequest, collector: RunningCollector) -> tuple[ReadableSpan, ...]:
    memory = InMemorySpanExporter()
    resource = Resource.create({"service.name": "sdk", "host.cpus": 4, "tags": ["x", "y"]}, "https://example.org/r")
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("scope", "1.2", "https://example.org/s", attributes={"scope.on": True})
    other = SpanContext(0x1234, 0x5678, is_remote=True, trace_flags=TraceFlags(1))
    with tracer.start_as_current_span("root", kind=SpanKind.SERVER, attributes=ATTRIBUTES) as root:
        root.add_event("checked", {"count": 0, "ok": False})
        with tracer.start_as_current_span(
            "child", kind=SpanKind.CLIENT, links=[Link(other, {"why": "batch"})]
        ) as child:
            child.record_exception(ValueError("no"))
            child.set_status(Status(StatusCode.ERROR, "it broke"))
        with tracer.start_as_current_span("fine", kind=SpanKind.PRODUCER) as fine:
            fine.set_status(Status(StatusCode.OK))
    spans = memory.get_finished_spans()
    assert EXPORTERS[request.param](collector, spans)
    return spans


def test_spans_read_back_equal(sent: tuple[ReadableSpan, ...], collector: RunningCollector) -> None:
    assert sent[0].context is not None
    trace_id = format(sent[0].context.trace_id, "032x")

    def whole() -> dict[str, dict] | None:  # type: ignore[type-arg]
        """An insert reaches its tables one after the other: resources may come a moment after their spans."""
        spans = collector.trace(trace_id)["spans"]
        return {s["span_id"]: s for s in spans} if all(s["resource"]["attributes"] for s in spans) else None

    read = wait_for(whole, what="the trace with its resource")
    assert len(read) == len(sent) == 3
    for span in sent:
        assert span.context is not None
        found = read[format(span.context.span_id, "016x")]
        assert found["name"] == span.name
        assert found["kind"] == span.kind.name.lower()
        assert found["parent_span_id"] == (format(span.parent.span_id, "016x") if span.parent else "")
        assert int(found["start_unix_nano"]) == span.start_time
        assert int(found["end_unix_nano"]) == span.end_time
        assert found["status"] == {
            "code": span.status.status_code.name.lower(),
            "message": span.status.description or "",
        }
        assert attributes(found["attributes"]) == expected(span.attributes)
        assert attributes(found["resource"]["attributes"]) == expected(span.resource.attributes)
        assert found["resource"]["schema_url"] == "https://example.org/r"
        assert (found["scope"]["name"], found["scope"]["version"]) == ("scope", "1.2")
        assert found["scope"]["schema_url"] == "https://example.org/s"
        assert attributes(found["scope"]["attributes"]) == {"scope.on": True}
        assert [(e["name"], int(e["time_unix_nano"])) for e in found["events"]] == [
            (e.name, e.timestamp) for e in span.events
        ]
        for event, sent_event in zip(found["events"], span.events, strict=True):
            assert attributes(event["attributes"]) == expected(sent_event.attributes)
        for link, sent_link in zip(found["links"], span.links, strict=True):
            assert link["trace_id"] == format(sent_link.context.trace_id, "032x")
            assert link["span_id"] == format(sent_link.context.span_id, "016x")
            assert attributes(link["attributes"]) == expected(sent_link.attributes)
