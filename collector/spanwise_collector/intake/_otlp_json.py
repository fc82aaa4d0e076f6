"""OTLP in JSON, as the bytes of the same request in protobuf.

It is protobuf's JSON mapping but for ids, which are hexadecimal in either case instead of base64. 64-bit integers come
as text or as numbers, enumerations as integers, and fields that are not known are left out.
Source: opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding".
"""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanwise_collector.intake._accept import MalformedError
from spanwise_collector.intake._body import TooLargeError

# JSON takes some 400 bytes of memory for each object while it becomes protobuf. An honest body of 13 MiB has as many.
_MOST_OBJECTS = 500_000
_IDS = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")
_ENUMERATIONS = (("kind",), ("status", "code"))


def to_otlp(body: bytes) -> bytes:
    """A serialized ExportTraceServiceRequest. Raises MalformedError, or TooLargeError for too many objects."""
    document = load(body)
    if not isinstance(document, dict):
        raise MalformedError("the body is not an OTLP trace request in JSON: it is not an object")
    request = ExportTraceServiceRequest()
    try:
        for span in _spans(document):
            _decode_ids(span)
            for link in span.get("links") or ():
                _decode_ids(link)
            _refuse_names(span)
        json_format.ParseDict(document, request, ignore_unknown_fields=True)
        return request.SerializeToString()
    except (json_format.ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:300]
        raise MalformedError(f"the body is not an OTLP trace request in JSON: {reason}") from error


def load(body: bytes) -> Any:
    """The JSON document of a body. Raises MalformedError, or TooLargeError for more objects than memory is for."""
    if body.count(b"{") + body.count(b"[") > _MOST_OBJECTS:
        raise TooLargeError(f"the body has more than {_MOST_OBJECTS} objects and arrays; send less at once")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"the body is not JSON: {error}") from error


def _spans(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        span
        for resource_spans in _member(document, "resourceSpans", "resource_spans")
        for scope_spans in _member(resource_spans, "scopeSpans", "scope_spans")
        for span in _member(scope_spans, "spans", "spans")
    ]


def _member(parent: dict[str, Any], name: str, other_name: str) -> list[dict[str, Any]]:
    """A list under either of its names; protobuf's JSON mapping takes null for an empty one."""
    return parent.get(name) or parent.get(other_name) or []


def _decode_ids(holder: dict[str, Any]) -> None:
    """Hexadecimal to base64, which is how the JSON mapping has bytes. Raises ValueError."""
    for name in _IDS:
        if holder.get(name):
            try:
                holder[name] = base64.b64encode(bytes.fromhex(holder[name])).decode()
            except (ValueError, TypeError):
                raise ValueError(f"{name} is not hexadecimal: {str(holder[name])[:60]!r}") from None


def _refuse_names(span: dict[str, Any]) -> None:
    """Names of enumeration values are not OTLP, though the JSON mapping would take them. Raises ValueError."""
    for path in _ENUMERATIONS:
        value: Any = span
        for name in path:
            value = (value or {}).get(name)
        if isinstance(value, str) and not value.lstrip("-").isdigit():
            raise ValueError(f"{'.'.join(path)} is a number in OTLP, not a name: {value[:60]!r}")
