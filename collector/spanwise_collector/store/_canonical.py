"""A request as the engine can surely read it."""

from __future__ import annotations

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def canonical(payload: bytes) -> bytes:
    """The same request without the fields that protobuf does not know. Raises DecodeError for what is none.

    A known field with another wire type counts as unknown: protobuf's own parser leaves it out, as the specification
    asks, where the engine's refuses the whole message.
    """
    request = ExportTraceServiceRequest.FromString(payload)
    request.DiscardUnknownFields()
    return request.SerializeToString()
