"""Stored traces as OTLP again: what went in comes out, field for field."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from spanwise_collector.query import Json, otlp_json, otlp_protobuf
from tests.collector.golden.traces import TYPED, GoldenTrace
from tests.collector.running_collector import RunningCollector


def stored(collector: RunningCollector, trace: GoldenTrace) -> Json:
    """As the reader gives it: spans of one resource share the object."""
    found: Json = collector.trace(trace.trace_id)
    known: dict[str, Any] = {}
    for span in found["spans"]:
        for member in ("resource", "scope"):
            span[member] = known.setdefault(str(span[member]), span[member])
    return found


def spans(requests: list[Any]) -> list[tuple[str, str, Span]]:
    """`(service, scope, span)` in a fixed order."""
    found = [
        (
            next((a.value.string_value for a in one.resource.attributes if a.key == "service.name"), ""),
            scope.scope.name,
            span,
        )
        for request in requests
        for one in request.resource_spans
        for scope in one.scope_spans
        for span in scope.spans
    ]
    return sorted(found, key=lambda item: (item[0], item[2].span_id, item[2].name))


@pytest.mark.parametrize("name", ["plain", "typed", "odd-keys", "duplicates", "shared", "skewed", "async", "failed"])
def test_protobuf_is_what_was_sent(golden: dict[str, GoldenTrace], collector: RunningCollector, name: str) -> None:
    trace = golden[name]
    sent = [ExportTraceServiceRequest.FromString(body) for body in trace.requests]
    got = otlp_protobuf([stored(collector, trace)])
    for (service, scope, before), (service_got, scope_got, after) in zip(spans(sent), spans([got]), strict=True):
        assert (service_got, scope_got) == (service, scope)
        after.status.SetInParent(), before.status.SetInParent()
        assert after.SerializeToString(deterministic=True) == before.SerializeToString(deterministic=True)


def test_what_a_client_reads_without_looking_is_always_there(
    golden: dict[str, GoldenTrace], collector: RunningCollector
) -> None:
    for trace in golden.values():
        for one in otlp_protobuf([stored(collector, trace)]).resource_spans:
            assert one.HasField("resource") and one.resource.attributes, trace.name
            for scope in one.scope_spans:
                assert scope.HasField("scope")
                for span in scope.spans:
                    assert span.HasField("status")
                    assert span.end_time_unix_nano >= span.start_time_unix_nano


def test_json_is_protobufs_own_mapping_with_hexadecimal_ids(
    golden: dict[str, GoldenTrace], collector: RunningCollector
) -> None:
    """Another implementation, protobuf's, reads it back to the same message."""
    for trace in golden.values():
        found = stored(collector, trace)
        document = otlp_json([found])
        for one in document["resourceSpans"]:
            for scope in one["scopeSpans"]:
                for span in scope["spans"]:
                    assert type(span["kind"]) is int and type(span["startTimeUnixNano"]) is str
                    for message in (span, *span.get("links", ())):
                        for key in {"traceId", "spanId", "parentSpanId"} & set(message):
                            message[key] = base64.b64encode(bytes.fromhex(message[key])).decode()
        expected = otlp_protobuf([found])
        read = json_format.ParseDict(document, TracesData())
        assert read.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True), trace.name


def test_json_has_the_types_of_values(golden: dict[str, GoldenTrace], collector: RunningCollector) -> None:
    document = otlp_json([stored(collector, golden["typed"])])
    [span] = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    values = {item["key"]: item["value"] for item in span["attributes"]}
    assert list(values) == list(TYPED)
    assert values["yes"] == {"boolValue": True} and values["no"] == {"boolValue": False}
    assert values["half"] == {"doubleValue": 0.5} and values["nan"] == {"doubleValue": "NaN"}
    assert values["greatest"] == {"intValue": str(2**63 - 1)} and values["looks.number"] == {"stringValue": "12"}
    assert values["blob"] == {"bytesValue": "AP8="} and values["unset"] == {}
    assert math.isinf(TYPED["infinite"]) and values["infinite"] == {"doubleValue": "Infinity"}


def test_a_lost_origin_still_has_its_service() -> None:
    origin: Json = {"attributes": [], "dropped_attributes_count": 0, "schema_url": "", "name": "", "version": ""}
    span: Json = {
        "trace_id": "ab" * 16, "span_id": "cd" * 8, "parent_span_id": "", "trace_state": "", "flags": 0,
        "service": "gone", "name": "x", "kind": "server", "start_unix_nano": "5", "end_unix_nano": "3",
        "duration_ns": 0, "status": {"code": "unset", "message": ""}, "attributes": [], "events": [], "links": [],
        "dropped_attributes_count": 0, "dropped_events_count": 0, "dropped_links_count": 0,
        "resource": origin, "scope": origin,
    }  # fmt: skip
    got = otlp_protobuf([{"spans": [span]}]).resource_spans[0]
    assert [(item.key, item.value.string_value) for item in got.resource.attributes] == [("service.name", "gone")]
    assert got.scope_spans[0].spans[0].end_time_unix_nano == 5
