from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from spanwise.diagnosis.exceptions import EXCEPTIONS
from spanwise.diagnosis.in_flight import busy_threads, in_flight
from spanwise.http.asgi import ASGIMiddleware
from spanwise.http.server import LIVE
from spanwise.http.wsgi import WSGIMiddleware
from tests.instrument.pipeline import Pipeline


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    LIVE.clear()
    yield
    gc.collect()
    assert not LIVE


TRACE = "0af7651916cd43dd8448eb211c80319c"


def environ(path: str, **more: str) -> dict[str, Any]:
    return {"REQUEST_METHOD": "GET", "PATH_INFO": path, "SERVER_NAME": "shop", "SERVER_PORT": "80", **more}


def test_a_wsgi_request_with_its_live_stack() -> None:
    entered, go = threading.Event(), threading.Event()

    def handler(environ: Any, start_response: Any) -> list[bytes]:
        entered.set()
        go.wait(5)
        start_response("200 OK", [])
        return [b"done"]

    pipeline = Pipeline(0.0)
    app = WSGIMiddleware(handler, pipeline.server, pipeline.redaction)
    parent = f"00-{TRACE}-b7ad6b7169203331-00"
    given = environ("/orders/7", HTTP_TRACEPARENT=parent)
    thread = threading.Thread(target=lambda: app(given, lambda status, headers, exc_info=None: lambda data: None))
    thread.start()
    entered.wait(5)
    (live,) = in_flight()
    assert busy_threads() == {thread.ident}
    go.set()
    thread.join(5)
    assert (live.method, live.path, live.trace_id, live.task) == ("GET", "/orders/7", TRACE, "")
    assert live.thread == thread.ident
    assert 0 <= live.age_s < 5
    assert any(frame.function.endswith("handler") for frame in live.stack)
    assert in_flight() == []


def test_asking_makes_no_ids_for_a_request_without_any() -> None:
    pipeline = Pipeline(0.0)
    request = pipeline.server.begin({}, lambda source: {"url.path": "/x"}, "GET", "/x", None, None, None)
    assert in_flight()[0].trace_id == ""
    assert request.span._context is None  # type: ignore[union-attr]
    request.end()


def test_an_asgi_request_with_its_task() -> None:
    found: list[Any] = []

    async def inner() -> None:
        await asyncio.sleep(0.3)

    async def handler(scope: Any, receive: Any, send: Any) -> None:
        await inner()

    pipeline = Pipeline(1.0)
    app = ASGIMiddleware(handler, pipeline.server, pipeline.redaction)
    scope = {"type": "http", "method": "POST", "path": "/pay", "headers": [], "query_string": b""}

    async def main() -> None:
        task = asyncio.create_task(app(scope, None, None), name="request-1")  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        found.extend(in_flight())
        await task

    asyncio.run(main())
    (live,) = found
    assert (live.method, live.path, live.task, live.sampled) == ("POST", "/pay", "request-1", True)
    assert [frame.function.rpartition(".")[2] for frame in live.stack[:3]] == ["sleep", "inner", "handler"]


def test_oldest_first() -> None:
    pipeline = Pipeline(0.0)
    requests = [
        pipeline.server.begin({}, lambda source, n=n: {"url.path": f"/{n}"}, "GET", "/", None, None, None)  # type: ignore[misc]
        for n in range(3)
    ]
    assert [live.path for live in in_flight()] == ["/0", "/1", "/2"]
    for request in requests:
        request.end()


def test_a_request_that_raises_is_noted_with_its_trace() -> None:
    def handler(environ: Any, start_response: Any) -> list[bytes]:
        raise LookupError("no such order")

    pipeline = Pipeline(1.0)
    app = WSGIMiddleware(handler, pipeline.server, pipeline.redaction)
    with pytest.raises(LookupError):
        app(environ("/orders/9"), lambda status, headers, exc_info=None: lambda data: None)
    last = EXCEPTIONS.groups()[0].last[-1]
    assert last.message == "no such order"
    assert last.where == "GET"
    assert len(last.trace_id) == 32
