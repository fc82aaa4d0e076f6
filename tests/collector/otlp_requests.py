"""OTLP requests for the collector's tests."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_random = random.Random()
SECOND = 10**9
DAY = 86_400 * SECOND


def new_trace_id() -> str:
    return _random.randbytes(16).hex()


def new_span_id() -> str:
    return _random.randbytes(8).hex()


def fill(value: AnyValue, python: Any) -> None:
    """A Python value as an OTLP AnyValue; None leaves it empty."""
    if isinstance(python, bool):
        value.bool_value = python
    elif isinstance(python, int):
        value.int_value = python
    elif isinstance(python, float):
        value.double_value = python
    elif isinstance(python, str):
        value.string_value = python
    elif isinstance(python, bytes):
        value.bytes_value = python
    elif isinstance(python, list):
        value.array_value.SetInParent()
        for item in python:
            fill(value.array_value.values.add(), item)
    elif isinstance(python, dict):
        value.kvlist_value.SetInParent()
        fill_attributes(value.kvlist_value.values, python)


def fill_attributes(target: Any, attributes: Mapping[str, Any]) -> None:
    for key, python in attributes.items():
        pair = target.add(key=key)
        pair.value.SetInParent()
        fill(pair.value, python)


def span(
    *,
    trace_id: str | None = None,
    span_id: str | None = None,
    parent: str = "",
    name: str = "GET /things",
    kind: int = 2,
    start_ns: int | None = None,
    duration_ns: int = 5_000_000,
    error: bool = False,
    trace_state: str = "",
    attributes: Mapping[str, Any] | None = None,
) -> Span:
    start = time.time_ns() if start_ns is None else start_ns
    message = Span(
        trace_id=bytes.fromhex(trace_id or new_trace_id()),
        span_id=bytes.fromhex(span_id or new_span_id()),
        parent_span_id=bytes.fromhex(parent),
        name=name,
        kind=kind,  # type: ignore[arg-type]
        start_time_unix_nano=start,
        end_time_unix_nano=start + duration_ns,
        trace_state=trace_state,
    )
    if error:
        message.status.code = 2  # type: ignore[assignment]
    fill_attributes(message.attributes, attributes or {})
    return message


def request(
    *spans: Span, service: str = "shop", resource: Mapping[str, Any] | None = None
) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    fill_attributes(resource_spans.resource.attributes, {"service.name": service, **(resource or {})})
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "tests"
    scope_spans.spans.extend(spans)
    return message


def payload(*spans: Span, service: str = "shop") -> bytes:
    return request(*spans, service=service).SerializeToString()
