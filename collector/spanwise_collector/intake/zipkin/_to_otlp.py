"""Zipkin spans as one OTLP request, such that they can be read back as Zipkin.

    Zipkin                          OTLP
    traceId of 64 bits              trace_id with 8 zero bytes in front (Zipkin's own normal form)
    kind                            kind; none is SPAN_KIND_UNSPECIFIED
    shared                          attribute zipkin.shared = true; the id stays the one of the client's span
    debug                           attribute zipkin.debug = true
    timestamp, duration             start and end; no duration is end = start (Zipkin has none below 1 µs)
    no timestamp                    the earliest annotation, or when it came, and attribute zipkin.no_timestamp = true
    annotation                      event of that name
    tag                             attribute, as text
    tag error                       the attribute, and status ERROR with its text as the message
    tag otel.status_code            the attribute, and that status (written by OpenTelemetry's Zipkin exporters)
    localEndpoint.serviceName       resource attribute service.name
    localEndpoint.ipv4 or ipv6      attribute network.local.address; with both, ipv6 is zipkin.local.ipv6
    localEndpoint.port              attribute network.local.port
    remoteEndpoint.serviceName      attribute peer.service
    remoteEndpoint.ipv4 or ipv6     attribute network.peer.address; with both, ipv6 is zipkin.remote.ipv6
    remoteEndpoint.port             attribute network.peer.port

A tag of one of these names wins over what would be made of it. Names follow OpenTelemetry's semantic conventions and
its specification of "OpenTelemetry to Zipkin transformation", read backwards.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanwise_collector.intake._accept import MalformedError
from spanwise_collector.intake.zipkin._span import Endpoint, ZipkinSpan

_KINDS = {
    "": Span.SPAN_KIND_UNSPECIFIED,
    "CLIENT": Span.SPAN_KIND_CLIENT,
    "SERVER": Span.SPAN_KIND_SERVER,
    "PRODUCER": Span.SPAN_KIND_PRODUCER,
    "CONSUMER": Span.SPAN_KIND_CONSUMER,
}
_STATUS = {"OK": Status.STATUS_CODE_OK, "ERROR": Status.STATUS_CODE_ERROR}
_NO_ID = bytes(8)


def to_otlp(spans: Iterable[ZipkinSpan]) -> bytes:
    """A serialized ExportTraceServiceRequest. Raises MalformedError for text that is not Unicode."""
    request = ExportTraceServiceRequest()
    by_service: dict[str, Any] = {}
    try:
        for span in spans:
            name = span.local.service_name
            if name not in by_service:
                resource_spans = request.resource_spans.add()
                if name:
                    _attribute(resource_spans.resource.attributes, "service.name", name)
                by_service[name] = resource_spans.scope_spans.add().spans
            _fill(by_service[name].add(), span)
        return request.SerializeToString()
    except ValueError as error:
        raise MalformedError(f"a Zipkin span has text that is not Unicode: {error}") from error


def _fill(otlp: Any, span: ZipkinSpan) -> None:
    otlp.trace_id, otlp.span_id = span.trace_id, span.id
    otlp.parent_span_id = span.parent_id if span.parent_id != _NO_ID else b""
    otlp.name = span.name
    otlp.kind = _KINDS[span.kind]
    start = span.timestamp or min((at for at, _ in span.annotations if at), default=time.time_ns() // 1000)
    otlp.start_time_unix_nano = start * 1000
    otlp.end_time_unix_nano = (start + span.duration) * 1000
    for at, value in span.annotations:
        otlp.events.add(time_unix_nano=at * 1000, name=value)
    for key, value in span.tags.items():
        _attribute(otlp.attributes, key, value)
    made = {
        **_endpoint(span.local, "network.local", "zipkin.local.ipv6"),
        "peer.service": span.remote.service_name,
        **_endpoint(span.remote, "network.peer", "zipkin.remote.ipv6"),
        "zipkin.shared": span.shared,
        "zipkin.debug": span.debug,
        "zipkin.no_timestamp": not span.timestamp,
    }
    for key, made_value in made.items():
        if made_value and key not in span.tags:
            _attribute(otlp.attributes, key, made_value)
    _fill_status(otlp, span.tags)


def _fill_status(otlp: Any, tags: dict[str, str]) -> None:
    if "error" in tags:
        otlp.status.code, otlp.status.message = Status.STATUS_CODE_ERROR, tags["error"]
    elif tags.get("otel.status_code") in _STATUS:
        otlp.status.code = _STATUS[tags["otel.status_code"]]


def _endpoint(given: Endpoint, prefix: str, second: str) -> dict[str, str | int]:
    both = given.ipv4 and given.ipv6
    return {
        f"{prefix}.address": given.ipv4 or given.ipv6,
        second: given.ipv6 if both else "",
        f"{prefix}.port": given.port,
    }


def _attribute(target: Any, key: str, value: str | int | bool) -> None:
    pair = target.add(key=key)
    if isinstance(value, bool):
        pair.value.bool_value = value
    elif isinstance(value, int):
        pair.value.int_value = value
    else:
        pair.value.string_value = value
