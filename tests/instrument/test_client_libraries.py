"""One contract for every client library: requests, httpx (sync, async), urllib3, urllib.request, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import requests
import urllib3
import urllib3.connectionpool
from opentelemetry import baggage, context
from opentelemetry.trace import SpanKind, StatusCode, use_span

from spanwise.http import httpx as httpx_hook
from spanwise.http import requests as requests_hook
from spanwise.http import urllib3 as urllib3_hook
from spanwise.http import urllib_request as urllib_hook
from spanwise.tracing.spans import UnsampledSpan
from tests.instrument.collector_sink import HANG, Answer, CollectorSink, free_port
from tests.instrument.pipeline import CLIENT_DURATION, Pipeline

# Gets a URL within the seconds, follows redirects, raises on transport errors only.
Get = Callable[[str, float], None]


def by_requests(url: str, timeout_s: float) -> None:
    requests.get(url, timeout=timeout_s)


def by_httpx(url: str, timeout_s: float) -> None:
    httpx.get(url, timeout=timeout_s, follow_redirects=True)


def by_async_httpx(url: str, timeout_s: float) -> None:
    async def get() -> None:
        async with httpx.AsyncClient(follow_redirects=True) as client:
            await client.get(url, timeout=timeout_s)

    asyncio.run(get())


def by_urllib3(url: str, timeout_s: float) -> None:
    with urllib3.PoolManager(retries=urllib3.Retry(3, connect=0, read=0, other=0)) as pool:
        pool.request("GET", url, timeout=timeout_s)


def by_urllib_request(url: str, timeout_s: float) -> None:
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(url, timeout=timeout_s).close()


LIBRARIES = {
    "requests": (requests_hook, requests.adapters, by_requests),
    "httpx": (httpx_hook, httpx, by_httpx),
    "httpx async": (httpx_hook, httpx, by_async_httpx),
    "urllib3": (urllib3_hook, urllib3.connectionpool, by_urllib3),
    "urllib.request": (urllib_hook, urllib.request, by_urllib_request),
}
HOOKED = (
    (requests.adapters.HTTPAdapter, "send"),
    (httpx.HTTPTransport, "handle_request"),
    (httpx.AsyncHTTPTransport, "handle_async_request"),
    (urllib3.connectionpool.HTTPConnectionPool, "urlopen"),
    (urllib.request.AbstractHTTPHandler, "do_open"),
)
MARK = "_spanwise_client"


@pytest.fixture(params=list(LIBRARIES))
def library(request: pytest.FixtureRequest) -> Iterator[tuple[Pipeline, Get]]:
    """The library hooked for this test alone."""
    kept = [(kind, name, getattr(kind, name), vars(kind).get(MARK)) for kind, name in HOOKED]
    for kind, _ in HOOKED:
        if MARK in vars(kind):
            delattr(kind, MARK)
    hook, module, get = LIBRARIES[request.param]
    pipeline = Pipeline()
    hook.hook(module, pipeline.client)
    yield pipeline, get
    for kind, name, original, mark in kept:
        setattr(kind, name, original)
        if MARK in vars(kind):
            delattr(kind, MARK)
        if mark is not None:
            setattr(kind, MARK, mark)


def labels(pipeline: Pipeline) -> list[dict[str, str]]:
    return [sample.labels for sample in pipeline.samples(f"{CLIENT_DURATION}_count") if sample.value]


def test_the_callee_is_told_the_client_span(sink: CollectorSink, library: tuple[Pipeline, Get]) -> None:
    pipeline, get = library
    token = context.attach(baggage.set_baggage("user", "alice"))
    try:
        get(f"{sink.url}/x?a=1", 5)
    finally:
        context.detach(token)
    span, headers = pipeline.span, sink.requests[0].headers
    assert span.kind is SpanKind.CLIENT
    assert headers["traceparent"] == f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-03"
    assert headers["tracestate"] == "ot=th:0"
    assert headers["baggage"] == "user=alice"
    assert labels(pipeline) == [
        {
            "http_request_method": "GET",
            "server_address": "127.0.0.1",
            "server_port": str(sink.port),
            "http_response_status_code": "200",
            "error_type": "",
        }
    ]
    assert span.attributes["url.full"] == f"{sink.url}/x?a=1"
    assert span.attributes["http.response.status_code"] == 200


def test_an_unsampled_request_passes_its_own_context_on(sink: CollectorSink, library: tuple[Pipeline, Get]) -> None:
    pipeline, get = library
    current = UnsampledSpan(5, None)
    with use_span(current):
        get(sink.url, 5)
    own = current.get_span_context()
    assert sink.requests[0].headers["traceparent"] == f"00-{own.trace_id:032x}-{own.span_id:016x}-02"
    assert pipeline.spans == []
    assert len(labels(pipeline)) == 1


def test_each_hop_of_a_redirect_counts(sink: CollectorSink, library: tuple[Pipeline, Get]) -> None:
    pipeline, get = library
    sink.answers.append(Answer(302, {"Location": "/there"}))
    get(f"{sink.url}/here", 5)
    assert sorted(found["http_response_status_code"] for found in labels(pipeline)) == ["200", "302"]
    told = [request.headers["traceparent"].split("-")[2] for request in sink.requests]
    assert told == [f"{span.context.span_id:016x}" for span in pipeline.spans]


@pytest.mark.parametrize(("status", "label"), [(404, ""), (503, "503")])
def test_failed_answers(sink: CollectorSink, library: tuple[Pipeline, Get], status: int, label: str) -> None:
    pipeline, get = library
    sink.always = Answer(status)
    get(sink.url, 5)
    (found,) = labels(pipeline)
    assert (found["http_response_status_code"], found["error_type"]) == (str(status), label)
    assert pipeline.span.status.status_code is StatusCode.ERROR


def failing(library: tuple[Pipeline, Get], url: str, timeout_s: float = 5) -> Pipeline:
    pipeline, get = library
    with pytest.raises((OSError, httpx.HTTPError, urllib3.exceptions.HTTPError)):
        get(url, timeout_s)
    assert pipeline.span.status.status_code is StatusCode.ERROR
    return pipeline


def test_nobody_there(library: tuple[Pipeline, Get]) -> None:
    pipeline = failing(library, f"http://127.0.0.1:{free_port()}/")
    assert [found["error_type"] for found in labels(pipeline)] == ["connection_refused"]


def test_too_late(sink: CollectorSink, library: tuple[Pipeline, Get]) -> None:
    sink.always = HANG
    pipeline = failing(library, sink.url, 0.1)
    assert [found["error_type"] for found in labels(pipeline)] == ["timeout"]
    assert pipeline.seconds(CLIENT_DURATION) >= 0.09


def test_no_tls_there(sink: CollectorSink, library: tuple[Pipeline, Get]) -> None:
    pipeline = failing(library, sink.url.replace("http:", "https:"))
    assert [found["error_type"] for found in labels(pipeline)] == ["tls"]


def test_no_secret_is_recorded(sink: CollectorSink, library: tuple[Pipeline, Get]) -> None:
    pipeline, get = library
    get(f"{sink.url}/x?sig=hunter2&a=1", 5)
    assert "hunter2" not in pipeline.span.to_json()
    assert str(pipeline.span.attributes["url.full"]).endswith("/x?sig=REDACTED&a=1")


def test_a_fault_of_ours_is_not_the_callers(
    sink: CollectorSink, library: tuple[Pipeline, Get], monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    pipeline, get = library

    def broken(*_: Any) -> None:
        raise RuntimeError("a third party's processor")

    monkeypatch.setattr(pipeline.memory, "on_end", broken)
    get(sink.url, 5)
    assert len(sink.requests) == 1
    assert len(said) == 1
