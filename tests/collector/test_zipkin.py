"""Zipkin's ways in: what each format becomes, what is refused, and how it reads back over the wire."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanwise_collector.intake import MalformedError
from spanwise_collector.intake.zipkin import _v1_json, _v2_json, _v2_protobuf
from spanwise_collector.intake.zipkin._span import Endpoint
from spanwise_collector.intake.zipkin._to_otlp import to_otlp
from spanwise_collector.intake.zipkin._v2_protobuf import ListOfSpans
from tests.collector.otlp_requests import new_span_id, new_trace_id
from tests.collector.running_collector import RunningCollector, fetch, wait_for

NOW = int(time.time() * 1e6)
FULL: dict[str, Any] = {
    "traceId": "5af7183fb1d4cf5f",
    "parentId": "6b221d5bc9e6496c",
    "id": "352bff9a74ca9ad2",
    "kind": "CLIENT",
    "name": "get /api",
    "timestamp": NOW,
    "duration": 1431,
    "localEndpoint": {"serviceName": "backend", "ipv4": "192.168.99.1", "ipv6": "2001:db8::c001", "port": 3306},
    "remoteEndpoint": {"serviceName": "db", "ipv4": "172.19.0.2", "port": 58648},
    "annotations": [{"timestamp": NOW + 5, "value": "ws"}],
    "tags": {"http.method": "GET", "error": "it broke", "blank": ""},
    "debug": True,
    "shared": False,
}


def otlp(spans: list[dict[str, Any]], read: Callable[[bytes], Any] = _v2_json.read) -> Any:
    return ExportTraceServiceRequest.FromString(to_otlp(read(json.dumps(spans).encode())))


def attributes(span: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}


def protobuf() -> bytes:
    """FULL, as a sender of protobuf has it."""
    message = ListOfSpans()
    span = message.spans.add(
        trace_id=bytes.fromhex(FULL["traceId"]),
        parent_id=bytes.fromhex(FULL["parentId"]),
        id=bytes.fromhex(FULL["id"]),
        kind=1,
        name="get /api",
        timestamp=NOW,
        duration=1431,
        debug=True,
    )
    span.local_endpoint.service_name, span.local_endpoint.port = "backend", 3306
    span.local_endpoint.ipv4 = bytes([192, 168, 99, 1])
    span.local_endpoint.ipv6 = bytes.fromhex("20010db800000000000000000000c001")
    span.remote_endpoint.service_name, span.remote_endpoint.port = "db", 58648
    span.remote_endpoint.ipv4 = bytes([172, 19, 0, 2])
    span.annotations.add(timestamp=NOW + 5, value="ws")
    for key, value in FULL["tags"].items():
        span.tags.add(key=key, value=value)
    return bytes(message.SerializeToString())


def test_a_v2_span_keeps_everything() -> None:
    request = otlp([FULL])
    (resource_spans,) = request.resource_spans
    assert attributes(resource_spans.resource) == {"service.name": "backend"}
    (span,) = resource_spans.scope_spans[0].spans
    assert span.trace_id.hex() == "00000000000000005af7183fb1d4cf5f"
    assert (span.span_id.hex(), span.parent_span_id.hex()) == ("352bff9a74ca9ad2", "6b221d5bc9e6496c")
    assert (span.kind, span.name) == (3, "get /api")
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (NOW * 1000, (NOW + 1431) * 1000)
    assert [(event.time_unix_nano, event.name) for event in span.events] == [((NOW + 5) * 1000, "ws")]
    assert (span.status.code, span.status.message) == (2, "it broke")
    assert attributes(span) == {
        "http.method": "GET",
        "error": "it broke",
        "blank": "",
        "network.local.address": "192.168.99.1",
        "zipkin.local.ipv6": "2001:db8::c001",
        "network.local.port": 3306,
        "peer.service": "db",
        "network.peer.address": "172.19.0.2",
        "network.peer.port": 58648,
        "zipkin.debug": True,
    }


def test_protobuf_is_the_same_span() -> None:
    assert _v2_protobuf.read(protobuf()) == _v2_json.read(json.dumps([FULL]).encode())


@pytest.mark.parametrize(
    ("kind", "number"), [(None, 0), ("SERVER", 2), ("CLIENT", 3), ("PRODUCER", 4), ("CONSUMER", 5)]
)
def test_kinds(kind: str | None, number: int) -> None:
    request = otlp([{"traceId": "1", "id": "2", "kind": kind, "timestamp": NOW}])
    assert request.resource_spans[0].scope_spans[0].spans[0].kind == number


def test_a_shared_span_keeps_its_id_and_services_are_apart() -> None:
    ids = {"traceId": "1", "id": "2", "timestamp": NOW}
    client = {**ids, "kind": "CLIENT", "localEndpoint": {"serviceName": "a"}}
    server = {**ids, "kind": "SERVER", "shared": True, "localEndpoint": {"serviceName": "b"}}
    request = otlp([client, server])
    one, two = (resource.scope_spans[0].spans[0] for resource in request.resource_spans)
    assert one.span_id == two.span_id
    assert "zipkin.shared" not in attributes(one)
    assert attributes(two)["zipkin.shared"] is True


def test_without_times() -> None:
    request = otlp([{"traceId": "1", "id": "2", "annotations": [{"timestamp": NOW, "value": "late"}]}])
    span = request.resource_spans[0].scope_spans[0].spans[0]
    assert span.start_time_unix_nano == span.end_time_unix_nano == NOW * 1000
    assert attributes(span) == {"zipkin.no_timestamp": True}


def v1(annotations: list[tuple[str, int, str]], binary: list[dict[str, Any]], **more: Any) -> list[Any]:
    return _v1_json.read(
        json.dumps(
            [
                {
                    "traceId": "1",
                    "id": "2",
                    "name": "get",
                    "annotations": [
                        {"value": value, "timestamp": NOW + at, "endpoint": {"serviceName": name}}
                        for value, at, name in annotations
                    ],
                    "binaryAnnotations": binary,
                    **more,
                }
            ]
        ).encode()
    )


def test_v1_client() -> None:
    (span,) = v1(
        [("cs", 0, "web"), ("ws", 3, "web"), ("cr", 10, "web")],
        [
            {"key": "sa", "value": True, "endpoint": {"serviceName": "db", "port": 5}},
            {"key": "path", "value": "/x", "endpoint": {"serviceName": "web"}},
            {"key": "yes", "value": True},
        ],
    )
    assert (span.kind, span.timestamp, span.duration) == ("CLIENT", NOW, 10)
    assert span.local == Endpoint("web")
    assert span.remote == Endpoint("db", port=5)
    assert span.tags == {"path": "/x", "yes": "true"}
    assert span.annotations == [(NOW + 3, "ws")]


def test_v1_with_both_sides_is_two_spans_of_one_id() -> None:
    client, server = v1(
        [("cs", 0, "a"), ("sr", 2, "b"), ("ss", 8, "b"), ("cr", 10, "a")], [], timestamp=NOW, duration=10
    )
    assert (client.kind, client.timestamp, client.duration, client.shared) == ("CLIENT", NOW, 10, False)
    assert (server.kind, server.timestamp, server.duration, server.shared) == ("SERVER", NOW + 2, 6, True)
    assert (client.local.service_name, server.local.service_name) == ("a", "b")


def test_v1_local_span() -> None:
    (span,) = v1([], [{"key": "lc", "value": "", "endpoint": {"serviceName": "job"}}], timestamp=NOW, duration=7)
    assert (span.kind, span.timestamp, span.duration, span.local.service_name) == ("", NOW, 7, "job")


@pytest.mark.parametrize("read", [_v1_json.read, _v2_json.read])
@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[1]",
        b"nonsense",
        b'[{"traceId": "1"}]',
        b'[{"traceId": "", "id": "1"}]',
        b'[{"traceId": "xyz", "id": "1"}]',
        b'[{"traceId": "1", "id": "12345678901234567"}]',
        b'[{"traceId": "1", "id": "1", "timestamp": "soon"}]',
        b'[{"traceId": "1", "id": "1", "timestamp": -5}]',
        b'[{"traceId": "1", "id": "1", "timestamp": 1e400}]',
        b'[{"traceId": "1", "id": "1", "annotations": {}}]',
        b'[{"traceId": "1", "id": "1", "name": 5}]',
    ],
)
def test_what_is_not_zipkin_is_refused(read: Callable[[bytes], Any], body: bytes) -> None:
    with pytest.raises(MalformedError):
        read(body)


@pytest.mark.parametrize(
    "body", [b"\xff", ListOfSpans(spans=[{"trace_id": bytes(17), "id": bytes(8)}]).SerializeToString()]
)
def test_what_is_not_zipkin_in_protobuf_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        _v2_protobuf.read(body)


def test_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(MalformedError, match="Unicode"):
        to_otlp(_v2_json.read(b'[{"traceId": "1", "id": "2", "name": "\\ud800"}]'))


_JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("1")
_VALUE = _JSON | st.lists(_JSON | st.dictionaries(st.sampled_from(("key", "value", "timestamp", "endpoint")), _JSON))
_VALUE = _VALUE | st.dictionaries(st.sampled_from(("serviceName", "ipv4", "port")), _JSON)
_FIELDS = (*(name for name in FULL if name not in ("traceId", "id")), "binaryAnnotations")


@settings(max_examples=300, deadline=None)
@given(
    span=st.fixed_dictionaries({"traceId": st.just("1"), "id": st.just("2")}, optional=dict.fromkeys(_FIELDS, _VALUE))
)
def test_any_span_is_taken_or_refused_in_words(span: Any) -> None:
    for read in (_v1_json.read, _v2_json.read):
        try:
            to_otlp(read(json.dumps([span]).encode()))
        except MalformedError as error:
            assert "\n" not in str(error)


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=60))
def test_any_bytes_are_taken_or_refused(body: bytes) -> None:
    for read in (_v1_json.read, _v2_json.read, _v2_protobuf.read):
        try:
            to_otlp(read(body))
        except MalformedError:
            continue


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", ["json", "protobuf", "v1"])
def test_over_the_wire(collector: RunningCollector, form: str, packed: bool) -> None:
    trace_id, span_id = new_trace_id(), new_span_id()
    path, content_type = "/api/v2/spans", "application/json"
    if form == "protobuf":
        message = ListOfSpans.FromString(protobuf())
        message.spans[0].trace_id, message.spans[0].id = bytes.fromhex(trace_id), bytes.fromhex(span_id)
        body, content_type = message.SerializeToString(), "application/x-protobuf"
    elif form == "v1":
        here = {"serviceName": "backend"}
        marks = [
            {"value": "cs", "timestamp": NOW, "endpoint": here},
            {"value": "cr", "timestamp": NOW + 9, "endpoint": here},
        ]
        body, path = json.dumps([{"traceId": trace_id, "id": span_id, "annotations": marks}]).encode(), "/api/v1/spans"
    else:
        body = json.dumps([{**FULL, "traceId": trace_id, "id": span_id}]).encode()
    headers = {"content_encoding": "gzip"} if packed else {}
    answer = fetch(
        f"{collector.url}{path}", "POST", gzip.compress(body) if packed else body, content_type=content_type, **headers
    )
    assert (answer.status, answer.body) == (202, b"")
    (found,) = collector.trace(trace_id)["spans"]
    assert (found["span_id"], found["service"], found["kind"]) == (span_id, "backend", "client")


def test_an_empty_list_is_202_and_bad_data_400_in_text(collector: RunningCollector) -> None:
    url = f"{collector.url}/api/v2/spans"
    assert fetch(url, "POST", b"[]", content_type="application/json").status == 202
    bad = fetch(url, "POST", b"[{}]", content_type="application/json")
    assert (bad.status, bad.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert b"traceId" in bad.body
    old = fetch(url, "POST", b'[{"traceId":"1","id":"2","timestamp":1}]', content_type="application/json")
    assert old.status == 202
    assert b"retention" in old.body
    assert fetch(url, "POST", b"x", content_type="application/x-thrift").status == 415
    metrics = wait_for(lambda: fetch(f"{collector.admin_url}/metrics").body.decode())
    assert "spanwise_collector_rejected_spans_total{" in metrics
