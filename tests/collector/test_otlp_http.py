"""OTLP/HTTP on the wire, as opentelemetry-proto's specification asks for it."""

from __future__ import annotations

import gzip
import json
import socket
import struct
from urllib.parse import urlsplit

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.collector.conftest import CollectorFactory
from tests.collector.otlp_requests import DAY, new_trace_id, payload, span
from tests.collector.running_collector import RunningCollector, fetch

MIB = 2**20


def status_of(body: bytes) -> tuple[int, str]:
    """`(code, message)` of a google.rpc.Status as we write it: code below 128, then the message."""
    assert body[0] == 0x08
    assert body[2] == 0x12
    position, shift, length = 3, 0, 0
    while True:
        length |= (body[position] & 0x7F) << shift
        shift += 7
        position += 1
        if body[position - 1] < 0x80:
            break
    assert len(body) == position + length
    return body[1], body[position:].decode()


@pytest.mark.parametrize("port", ["otlp_url", "url"])
def test_both_ports_take_spans(collector: RunningCollector, port: str) -> None:
    trace_id = new_trace_id()
    answer = fetch(
        f"{getattr(collector, port)}/v1/traces",
        "POST",
        payload(span(trace_id=trace_id)),
        content_type="application/x-protobuf",
    )
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/x-protobuf"
    assert not ExportTraceServiceResponse.FromString(answer.body).HasField("partial_success")
    assert len(collector.trace(trace_id)["spans"]) == 1


def test_gzip_is_taken(collector: RunningCollector) -> None:
    trace_id = new_trace_id()
    answer = collector.send(gzip.compress(payload(span(trace_id=trace_id))), content_encoding="gzip")
    assert answer.status == 200
    assert len(collector.trace(trace_id)["spans"]) == 1


def test_an_empty_request_succeeds(collector: RunningCollector) -> None:
    answer = collector.send(b"")
    assert (answer.status, answer.body) == (200, b"")


def test_a_refused_span_is_a_partial_success(collector: RunningCollector) -> None:
    good, bad = new_trace_id(), span()
    bad.trace_id = bytes(17)
    answer = collector.send(payload(span(trace_id=good), bad, span(start_ns=1)))
    assert answer.status == 200
    partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert partial.rejected_spans == 2
    assert "trace_id is not 16 bytes" in partial.error_message
    assert "retention" in partial.error_message
    assert len(collector.trace(good)["spans"]) == 1


def test_spans_far_ahead_are_refused(collector: RunningCollector) -> None:
    import time

    answer = collector.send(payload(span(start_ns=time.time_ns() + 3 * DAY)))
    assert ExportTraceServiceResponse.FromString(answer.body).partial_success.rejected_spans == 1


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xff\xff",
        b"{}",
        b"\x0a\xff\xff\xff\xff\x0f",
        pytest.param(payload(span())[:-3], id="cut short"),
        # A name that is not UTF-8: resource_spans{scope_spans{spans{name: ff}}}.
        b"\x0a\x07\x12\x05\x12\x03\x2a\x01\xff",
    ],
)
def test_what_is_not_otlp_is_400_with_a_status(collector: RunningCollector, body: bytes) -> None:
    answer = collector.send(body)
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/x-protobuf"
    code, message = status_of(answer.body)
    assert code == 3
    assert "not an OTLP trace request" in message


def test_what_is_not_gzip_is_400(collector: RunningCollector) -> None:
    answer = collector.send(b"not gzip", content_encoding="gzip")
    assert answer.status == 400
    assert status_of(answer.body)[0] == 3


def test_another_type_is_415_and_says_what_is_taken(collector: RunningCollector) -> None:
    answer = collector.send(b"{}", content_type="text/plain")
    assert answer.status == 415
    code, message = status_of(answer.body)
    assert code == 3
    assert "application/x-protobuf or application/json" in message


def test_another_encoding_is_415(collector: RunningCollector) -> None:
    answer = collector.send(b"x", content_encoding="br")
    assert answer.status == 415
    assert "gzip" in status_of(answer.body)[1]


def test_another_method_is_405(collector: RunningCollector) -> None:
    answer = fetch(f"{collector.otlp_url}/v1/traces")
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"


def test_a_body_beyond_the_limit_is_413(collector: RunningCollector) -> None:
    answer = collector.send(bytes(17 * MIB))
    assert answer.status == 413
    assert "SPANWISE_COLLECTOR_MAX_BODY" in status_of(answer.body)[1]


def test_a_gzip_bomb_is_413(collector: RunningCollector) -> None:
    bomb = gzip.compress(bytes(300 * MIB), compresslevel=9)
    assert len(bomb) < MIB
    assert collector.send(bomb, content_encoding="gzip").status == 413


def test_a_giant_content_length_is_refused_unread(collector: RunningCollector) -> None:
    parts = urlsplit(collector.otlp_url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: 99999999999\r\n\r\n"
        )
        assert connection.recv(100).split(b" ")[1] == b"413"


def test_a_chunked_body_is_taken(collector: RunningCollector) -> None:
    trace_id = new_trace_id()
    body = payload(span(trace_id=trace_id))
    parts = urlsplit(collector.otlp_url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        )
        assert connection.recv(100).split(b" ")[1] == b"200"
    assert len(collector.trace(trace_id)["spans"]) == 1


def test_a_full_spool_is_503_with_retry_after_and_never_429(new_collector: CollectorFactory) -> None:
    running = new_collector("--spool-max", "1MiB", "--store", "clickhouse://127.0.0.1:9/nobody")
    running.spawn()
    running.url = running.otlp_url = ""

    from tests.collector.running_collector import wait_for

    def address() -> str:
        lock = running.data / "collector.lock"
        return str(json.loads(lock.read_text()).get("otlp_url") or "") if lock.exists() and lock.stat().st_size else ""

    running.otlp_url = wait_for(address, 30)
    body = payload(*(span(name="x" * 1000) for _ in range(100)))
    answers = [running.send(body) for _ in range(20)]
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {200, 503}
    assert statuses == sorted(statuses), "once full it stays full while the store is away"
    refused = answers[-1]
    assert int(refused.headers["Retry-After"]) >= 1
    code, message = status_of(refused.body)
    assert code == 14
    assert "spool is full" in message
    metrics = fetch(f"{running.otlp_url.replace('/v1/traces', '')}/")  # the OTLP port has nothing else
    assert metrics.status == 404


def test_the_otlp_port_has_nothing_else_and_says_where_the_pages_are(collector: RunningCollector) -> None:
    answer = fetch(f"{collector.otlp_url}/")
    assert answer.status == 404
    assert collector.url in answer.json["error"]


def test_the_worst_body_of_legal_size_does_no_harm(collector: RunningCollector) -> None:
    """Millions of empty attributes: 2 bytes each on the wire, about 60 when parsed."""
    attributes = b"\x4a\x00" * 500_000  # Span.attributes, empty
    inner = b"\x12" + _varint(len(attributes)) + attributes
    scope = b"\x12" + _varint(len(inner)) + inner
    body = b"\x0a" + _varint(len(scope)) + scope
    answer = collector.send(body)
    assert answer.status == 200, "it is OTLP; the span without an id is refused alone"
    assert ExportTraceServiceResponse.FromString(answer.body).partial_success.rejected_spans == 1


def _varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += struct.pack("B", number & 0x7F | 0x80)
        number >>= 7
    return out + struct.pack("B", number)
