"""One request to the collector: what is sent, what the answers mean, and connections that break."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest

from spanwise.pace import Pace
from spanwise.tracing.transport import FunctionTransport, HttpTransport, Sent
from tests.instrument.collector_sink import GARBAGE, HANG, Answer, CollectorSink, free_port


@pytest.fixture
def transport(sink: CollectorSink) -> Iterator[HttpTransport]:
    made = HttpTransport(f"{sink.url}/v1/traces", {"x-token": "secret"}, compress=True, user_agent="spanwise/test")
    yield made
    made.close()


def post(transport: HttpTransport, body: bytes, timeout_s: float = 5) -> Sent:
    return transport.send(transport.pack([body], Pace(lambda: True)), timeout_s)


def test_what_is_sent(sink: CollectorSink, transport: HttpTransport) -> None:
    assert post(transport, b"body") == Sent(True)
    request = sink.requests[0]
    assert (request.method, request.path, request.body) == ("POST", "/v1/traces", b"body")
    assert request.headers["content-type"] == "application/x-protobuf"
    assert request.headers["content-encoding"] == "gzip"
    assert request.headers["x-token"] == "secret"
    assert request.headers["user-agent"] == "spanwise/test"


def test_without_compression(sink: CollectorSink) -> None:
    transport = HttpTransport(f"{sink.url}/otlp/v1/traces?tenant=a", {}, compress=False, user_agent="x")
    assert post(transport, b"body").ok
    assert sink.requests[0].path == "/otlp/v1/traces?tenant=a"
    assert "content-encoding" not in sink.requests[0].headers
    transport.close()


def test_the_connection_is_kept(sink: CollectorSink, transport: HttpTransport) -> None:
    for _ in range(3):
        assert post(transport, b"x").ok
    assert len({request.connection for request in sink.requests}) == 1


@pytest.mark.parametrize("status", [200, 202, 204])
def test_accepted(sink: CollectorSink, transport: HttpTransport, status: int) -> None:
    sink.always = Answer(status)
    assert post(transport, b"x").ok


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_may_be_tried_again(sink: CollectorSink, transport: HttpTransport, status: int) -> None:
    sink.always = Answer(status)
    sent = post(transport, b"x")
    assert (sent.ok, sent.retry, sent.retry_after_s) == (False, True, None)
    assert str(status) in sent.reason
    assert len(sink.requests) == 1


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 500, 501])
def test_final(sink: CollectorSink, transport: HttpTransport, status: int) -> None:
    sink.always = Answer(status)
    sent = post(transport, b"x")
    assert (sent.ok, sent.retry) == (False, False)
    assert str(status) in sent.reason


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2", 2, 2),
        ("0", 0, 0),
        ("-5", 0, 0),
        ("1000000", 60, 60),
        ("inf", 60, 60),
    ],
)
def test_retry_after(sink: CollectorSink, transport: HttpTransport, text: str, low: float, high: float) -> None:
    sink.always = Answer(503, {"Retry-After": text})
    waits = post(transport, b"x").retry_after_s
    assert waits is not None
    assert low <= waits <= high


@pytest.mark.parametrize(("ahead", "low"), [(20, 10), (-20, 0)])
def test_retry_after_a_date(sink: CollectorSink, transport: HttpTransport, ahead: int, low: int) -> None:
    sink.always = Answer(503, {"Retry-After": formatdate(time.time() + ahead, usegmt=True)})
    waits = post(transport, b"x").retry_after_s
    assert waits is not None
    assert low <= waits <= max(ahead, 0)


@pytest.mark.parametrize("text", ["soon", "", "nan", "Wed, 99 Foo 2026"])
def test_a_retry_after_nobody_understands(sink: CollectorSink, transport: HttpTransport, text: str) -> None:
    sink.always = Answer(503, {"Retry-After": text})
    sent = post(transport, b"x")
    assert (sent.retry, sent.retry_after_s) == (True, None)


def test_a_kept_connection_that_was_closed_is_opened_again(sink: CollectorSink, transport: HttpTransport) -> None:
    assert post(transport, b"one").ok
    sink.cut()
    assert post(transport, b"two").ok
    assert [request.body for request in sink.requests] == [b"one", b"two"]


def test_closed_after_each_answer_without_a_word(sink: CollectorSink, transport: HttpTransport) -> None:
    sink.always = Answer(cut=True)
    for _ in range(5):
        assert post(transport, b"x").ok
    assert len(sink.requests) == 5


def test_connection_close_is_honoured(sink: CollectorSink, transport: HttpTransport) -> None:
    sink.always = Answer(headers={"Connection": "close"})
    for _ in range(3):
        assert post(transport, b"x").ok
    assert len({request.connection for request in sink.requests}) >= 1


def test_refused(transport: HttpTransport, sink: CollectorSink) -> None:
    sink.stop()
    sent = post(transport, b"x")
    assert (sent.ok, sent.retry) == (False, True)
    assert sent.reason


def test_back_after_it_was_away(transport: HttpTransport, sink: CollectorSink) -> None:
    assert post(transport, b"x").ok
    sink.stop()
    assert not post(transport, b"x").ok
    sink.start()
    assert post(transport, b"x").ok


def test_hanging(sink: CollectorSink, transport: HttpTransport) -> None:
    sink.always = HANG
    began = time.monotonic()
    sent = post(transport, b"x", 0.2)
    assert time.monotonic() - began < 2
    assert (sent.ok, sent.retry) == (False, True)
    sink.always = Answer()
    assert post(transport, b"x").ok  # over a new connection: the old one may still answer the old request


def test_garbage(sink: CollectorSink, transport: HttpTransport) -> None:
    sink.always = GARBAGE
    sent = post(transport, b"x")
    assert (sent.ok, sent.retry) == (False, True)


def test_an_endless_answer_is_not_read(sink: CollectorSink, transport: HttpTransport) -> None:
    sink.answers.append(Answer(body=b"x" * 300_000))
    assert post(transport, b"x").ok
    assert post(transport, b"y").ok
    assert [request.body for request in sink.requests] == [b"x", b"y"]


def test_no_tls_there(sink: CollectorSink) -> None:
    transport = HttpTransport(sink.url.replace("http:", "https:"), {}, compress=False, user_agent="x")
    sent = post(transport, b"x")
    assert (sent.ok, sent.retry) == (False, True)


@pytest.mark.parametrize("headers", [{"bad\nname": "x"}, {"x": "line\nbreak"}, {"x": "\u20ac"}])
def test_headers_that_cannot_be_sent_never_raise(sink: CollectorSink, headers: dict[str, str]) -> None:
    transport = HttpTransport(sink.url, headers, compress=False, user_agent="x")
    sent = post(transport, b"x")
    assert not sent.ok
    assert "secret" not in sent.reason


def test_a_name_that_cannot_be_resolved() -> None:
    transport = HttpTransport(f"http://{'a' * 70}.invalid:1/", {}, compress=False, user_agent="x")
    assert post(transport, b"x").retry


@pytest.mark.parametrize("urgent", [True, False])
def test_gzip_is_one_member_that_anybody_reads(transport: HttpTransport, urgent: bool) -> None:
    parts = [b"spans %d " % i * 20 for i in range(2000)]
    packed = transport.pack(parts, Pace(lambda: urgent))
    assert gzip.decompress(packed) == b"".join(parts)
    assert len(packed) < sum(map(len, parts)) / 10
    assert gzip.decompress(transport.pack([], Pace(lambda: urgent))) == b""


def test_a_large_batch_gives_way_while_it_is_compressed(transport: HttpTransport, monkeypatch: Any) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("spanwise.pace.time.sleep", pauses.append)
    parts = [os.urandom(1000) for _ in range(500)]
    transport.pack(parts, Pace(lambda: False))
    assert pauses
    pauses.clear()
    transport.pack(parts, Pace(lambda: True))
    assert not pauses


def test_a_function_of_this_process() -> None:
    taken: list[bytes] = []
    assert FunctionTransport(taken.append).send(b"x", 1) == Sent(True)
    assert taken == [b"x"]

    def full(body: bytes) -> None:
        raise OSError("disk full")

    sent = FunctionTransport(full).send(b"x", 1)
    assert (sent.ok, sent.retry) == (False, True)
    assert "disk full" in sent.reason


def test_nobody_at_the_port() -> None:
    transport = HttpTransport(f"http://127.0.0.1:{free_port()}", {}, compress=True, user_agent="x")
    assert "refused" in post(transport, b"x").reason.lower()
