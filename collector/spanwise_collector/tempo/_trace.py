"""One trace as Tempo gives it: protobuf for Grafana, JSON for people."""

from __future__ import annotations

from spanwise_collector.query import Json, otlp_json, otlp_protobuf

PROTOBUF = "application/protobuf"
_TRACE_TAG = b"\x0a"  # field 1, length-delimited


def trace_v2(trace: Json) -> bytes:
    """A `TraceByIDResponse`: `Trace trace = 1`; that its other fields are left out says that the trace is complete.

    A `Trace` has the one field of OTLP's TracesData.
    """
    body = otlp_protobuf([trace]).SerializeToString()
    return _TRACE_TAG + _varint(len(body)) + body


def trace_v2_json(trace: Json) -> Json:
    return {"trace": otlp_json([trace]), "metrics": {}}


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
