"""What happens to every outgoing call: context, labels, what is kept and what is hidden."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags, use_span

from spanwise.http import client as module
from spanwise.http.client import error_type
from spanwise.tracing.spans import UnsampledSpan, UntracedSpan
from spanwise.tracing.tracecontext import Parent, parse, trace_state
from tests.instrument.pipeline import CLIENT_DURATION, Pipeline

URL = "http://catalog.test:8080/albums?sig=secret"


def call(pipeline: Pipeline, url: str = URL, method: str = "GET", **end: Any) -> dict[str, str]:
    begun = pipeline.client.begin(method, url)
    begun.finish(end.get("status", 200), end.get("error"))
    return begun.headers


def header_of(span: ReadableSpan) -> str:
    return f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-{span.context.trace_flags:02x}"


def label_values(pipeline: Pipeline) -> list[dict[str, str]]:
    return [sample.labels for sample in pipeline.samples(f"{CLIENT_DURATION}_count")]


def test_within_a_sampled_span() -> None:
    pipeline = Pipeline()
    with pipeline.tracer.start_as_current_span("handler") as parent:
        headers = call(pipeline)
    span = pipeline.spans[0]
    assert span.kind is SpanKind.CLIENT
    assert span.name == "GET"
    assert span.parent == parent.get_span_context()
    assert headers == {"traceparent": header_of(span), "tracestate": "ot=th:0"}
    assert dict(span.attributes) == {
        "http.request.method": "GET",
        "server.address": "catalog.test",
        "server.port": 8080,
        "url.full": "http://catalog.test:8080/albums?sig=REDACTED",
        "http.response.status_code": 200,
    }
    assert span.status.status_code is StatusCode.UNSET
    assert pipeline.exemplars(CLIENT_DURATION) == [
        {"trace_id": f"{span.context.trace_id:032x}", "span_id": f"{span.context.span_id:016x}"}
    ]


def test_within_an_unsampled_request_its_own_context_is_passed_on() -> None:
    pipeline = Pipeline()
    current = UnsampledSpan(0, Parent(0xABC, 2, 2, "rojo=1"))
    with use_span(current):
        headers = call(pipeline)
    seen = parse(headers["traceparent"], headers["tracestate"])
    assert seen is not None
    own = current.get_span_context()
    assert (seen.trace_id, seen.span_id, seen.flags & 1) == (own.trace_id, own.span_id, 0)
    assert headers["tracestate"] == "rojo=1"
    assert pipeline.spans == []
    assert pipeline.exemplars(CLIENT_DURATION) == []


def test_within_somebody_else_s_unsampled_span() -> None:
    pipeline = Pipeline()
    other = SpanContext(0xABC, 0xDEF, False, TraceFlags(0), trace_state("a=1"))
    with use_span(NonRecordingSpan(other)):
        headers = call(pipeline)
    assert headers == {"traceparent": f"00-{0xABC:032x}-{0xDEF:016x}-00", "tracestate": "a=1"}
    assert pipeline.spans == []


def test_a_call_outside_of_any_request_is_a_root_by_the_rate() -> None:
    pipeline = Pipeline(0.5)
    sampled = [parse(call(pipeline)["traceparent"]) for _ in range(200)]
    roots = [parent for parent in sampled if parent is not None and parent.flags & 1]
    assert 50 < len(roots) < 150
    assert {(span.context.trace_id, span.context.span_id) for span in pipeline.spans} == {
        (parent.trace_id, parent.span_id) for parent in roots
    }
    assert all(span.parent is None for span in pipeline.spans)
    assert all(span.context.trace_state.to_header() == "ot=th:8" for span in pipeline.spans)


def test_a_failed_unsampled_root_is_kept_under_the_id_its_callee_was_told() -> None:
    pipeline = Pipeline(0.0)
    headers = call(pipeline, status=503)
    told = parse(headers["traceparent"])
    assert told is not None and not told.flags & 1
    span = pipeline.span
    assert (span.context.trace_id, span.context.span_id) == (told.trace_id, told.span_id)
    assert span.parent is None
    assert span.context.trace_state.to_header() == "spanwise=kept:error"


def test_a_failed_call_of_an_unsampled_request_is_kept_beneath_it() -> None:
    pipeline = Pipeline(0.0)
    current = UnsampledSpan(5, None)
    with use_span(current):
        call(pipeline, error=ConnectionRefusedError(111, "refused"), status=None)
    span = pipeline.span
    assert span.parent == current.get_span_context()
    assert span.context.span_id != current.get_span_context().span_id
    assert span.context.trace_state.to_header() == "spanwise=kept:error"
    assert (span.end_time or 0) >= (span.start_time or 0)


def test_beneath_an_untraced_request_nothing_is_kept() -> None:
    pipeline = Pipeline(1.0)
    with use_span(UntracedSpan(5, None)):
        call(pipeline, status=500)
        call(pipeline)
    assert pipeline.spans == []
    assert sum(pipeline.counted(CLIENT_DURATION).values()) == 2


@pytest.mark.parametrize(
    ("status", "label", "on_span", "failed"),
    [(200, "", None, False), (302, "", None, False), (404, "", "404", True), (500, "500", "500", True)],
)
def test_statuses(status: int, label: str, on_span: str | None, failed: bool) -> None:
    pipeline = Pipeline()
    call(pipeline, status=status)
    labels = label_values(pipeline)[0]
    assert labels["error_type"] == label
    assert labels["http_response_status_code"] == str(status)
    span = pipeline.span
    assert span.attributes.get("error.type") == on_span
    assert (span.status.status_code is StatusCode.ERROR) == failed


def test_an_error_s_text_is_not_recorded() -> None:
    pipeline = Pipeline()
    call(pipeline, status=None, error=RuntimeError(f"cannot connect to {URL}"))
    span = pipeline.span
    assert "secret" not in span.to_json()
    assert span.attributes["error.type"] == "RuntimeError"
    assert label_values(pipeline)[0]["error_type"] == "RuntimeError"


@pytest.mark.parametrize(
    ("url", "address", "port"),
    [
        ("http://h.test/x", "h.test", 80),
        ("https://h.test/x", "h.test", 443),
        ("http://h.test:81", "h.test", 81),
        ("http://user:pw@h.test/x", "h.test", 80),
        ("http://user:pw@h.test:82?x", "h.test", 82),
        ("http://[::1]:83/x", "::1", 83),
        ("https://[::1]/x", "::1", 443),
        ("http://h.test#f", "h.test", 80),
    ],
)
def test_the_peer(url: str, address: str, port: int) -> None:
    pipeline = Pipeline()
    call(pipeline, url)
    assert (pipeline.span.attributes["server.address"], pipeline.span.attributes["server.port"]) == (address, port)
    assert label_values(pipeline)[0]["server_address"] == address
    assert "pw" not in pipeline.span.to_json()


def test_one_host_by_two_schemes() -> None:
    pipeline = Pipeline()
    call(pipeline, "https://h.test/")
    call(pipeline, "http://h.test/")
    assert [span.attributes["server.port"] for span in pipeline.spans] == [443, 80]


def test_a_crawler_s_hosts_share_one_label() -> None:
    pipeline = Pipeline(0.0)
    for number in range(module._MAX_HOSTS + 50):
        call(pipeline, f"http://host-{number}.test/")
    hosts = {labels["server_address"] for labels in label_values(pipeline)}
    assert len(hosts) == module._MAX_HOSTS + 1
    assert module.OTHER_HOST in hosts


@pytest.mark.parametrize(("method", "label"), [("GET", "GET"), ("get", "_OTHER"), ("BREW", "_OTHER"), ("", "_OTHER")])
def test_methods(method: str, label: str) -> None:
    pipeline = Pipeline()
    call(pipeline, method=method)
    assert label_values(pipeline)[0]["http_request_method"] == label
    assert pipeline.span.name == ("HTTP" if label == "_OTHER" else label)


def test_baggage_goes_out() -> None:
    pipeline = Pipeline()
    token = context.attach(baggage.set_baggage("user", "alice smith"))
    assert call(pipeline)["baggage"] == "user=alice+smith"
    context.detach(token)
    assert "baggage" not in call(pipeline)


def test_a_fault_of_ours_does_not_become_the_call_s(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = Pipeline()

    def broken(*_: Any) -> None:
        raise RuntimeError("a third party's processor")

    monkeypatch.setattr(pipeline.memory, "on_start", broken)
    assert call(pipeline) == {}
    monkeypatch.undo()
    monkeypatch.setattr(pipeline.memory, "on_end", broken)
    assert call(pipeline)["traceparent"]
    assert sum(pipeline.counted(CLIENT_DURATION).values()) == 2
    assert len(said) == 2


def test_nor_does_one_of_counting(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a file of prometheus-client's that cannot be opened."""

    def broken(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("spanwise.observing._MOST_WAITING", 1)
    pipeline = Pipeline(rate=0.0)
    for _ in range(3):  # until the server and its series are known
        call(pipeline)
    assert said == []
    monkeypatch.setattr("spanwise.observing.Observer.settle_unless_busy", broken)
    assert call(pipeline)["traceparent"]
    assert len(said) == 1


class ReadTimeout(Exception):
    pass


class NameResolutionError(Exception):
    pass


class Wrapped(Exception):
    """As requests and urllib3 wrap: the cause as an argument, or as `reason`."""

    def __init__(self, *arguments: Any, reason: Any = None) -> None:
        super().__init__(*arguments)
        self.reason = reason


def chained(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


def circular() -> Exception:
    one, two = ValueError("one"), KeyError("two")
    one.__cause__, two.__cause__ = two, one
    return one


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError(), "timeout"),
        (TimeoutError(), "timeout"),
        (ReadTimeout(), "timeout"),
        (ConnectionRefusedError(), "connection_refused"),
        (ssl.SSLError(), "tls"),
        (socket.gaierror(), "name_resolution"),
        (NameResolutionError(), "name_resolution"),
        (Wrapped(Wrapped(ConnectionRefusedError())), "connection_refused"),
        (Wrapped("text", reason=TimeoutError()), "timeout"),
        (chained(ValueError(), ssl.SSLCertVerificationError()), "tls"),
        (ConnectionResetError(), "ConnectionResetError"),
        (circular(), "ValueError"),
    ],
)
def test_error_types(error: Exception, expected: str) -> None:
    assert error_type(error) == expected


def test_other_propagators(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry import propagate
    from opentelemetry.propagators.composite import CompositePropagator

    pipeline = Pipeline(w3c_only=False)
    monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", CompositePropagator([]))
    assert call(pipeline) == {}
    assert len(pipeline.spans) == 1


def test_the_current_span_stays_the_service_s() -> None:
    pipeline = Pipeline()
    with pipeline.tracer.start_as_current_span("handler") as parent:
        begun = pipeline.client.begin("GET", URL)
        assert trace.get_current_span() is parent
        begun.finish(200)


@pytest.mark.parametrize(
    ("url", "address", "port"),
    [
        ("http://h.test?x=/a", "h.test", "80"),
        ("http://h.test?x=/b", "h.test", "80"),
        ("http://h.test#/a", "h.test", "80"),
        ("http://h", "h", "80"),
        ("https://h", "h", "443"),
        ("https://u:p@h.test:8443/p", "h.test", "8443"),
        ("http:///nothing", "", "80"),
    ],
)
def test_one_origin_for_each_server_whatever_stands_behind_it(url: str, address: str, port: str) -> None:
    pipeline = Pipeline(0.0)
    for _ in range(2):
        pipeline.client.begin("GET", url).finish(200)
    assert pipeline.counted(CLIENT_DURATION) == {("GET", address, port, "200", ""): 2}
    assert len(pipeline.client._origins) == 1
