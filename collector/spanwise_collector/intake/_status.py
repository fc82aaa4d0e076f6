"""The bodies of OTLP/HTTP answers, in the request's own encoding (opentelemetry-proto, docs/specification.md)."""

from __future__ import annotations

import json
from enum import IntEnum

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


class Code(IntEnum):
    """google.rpc.Code, as far as we answer with it."""

    INVALID_ARGUMENT = 3
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    UNAVAILABLE = 14


def answer_type(content_type: str) -> str:
    """The Content-Type of an answer: that of the request, or protobuf where that was neither."""
    return JSON if content_type == JSON else PROTOBUF


def failure(content_type: str, code: Code, message: str) -> bytes:
    """A google.rpc.Status `{int32 code = 1; string message = 2}`: in JSON for JSON, else in protobuf."""
    if content_type == JSON:
        return json.dumps({"code": int(code), "message": message}).encode()
    text = message.encode()
    return b"\x08" + _varint(code) + b"\x12" + _varint(len(text)) + text


def success(content_type: str, rejected_spans: int, message: str) -> bytes:
    """An ExportTraceServiceResponse; without partial_success when all was taken."""
    if content_type == JSON:
        if not message:
            return b"{}"
        return json.dumps({"partialSuccess": {"rejectedSpans": str(rejected_spans), "errorMessage": message}}).encode()
    response = ExportTraceServiceResponse()
    if message:
        response.partial_success.rejected_spans = rejected_spans
        response.partial_success.error_message = message
    return response.SerializeToString()


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
