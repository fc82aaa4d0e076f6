"""The WSGI middleware: the contract, and what PEP 3333 asks of a middleware."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from spanwise.http.wsgi import REQUEST_KEY, WSGIMiddleware
from tests.instrument.http_contract import Exchange, Handlers, HttpServerContract, environ_of
from tests.instrument.pipeline import Pipeline


class TestPlainWSGI(HttpServerContract):
    def make(self, pipeline: Pipeline, handlers: Handlers) -> Any:
        def app(environ: dict[str, Any], start_response: Any) -> Any:
            _, first, *rest = environ["PATH_INFO"].split("/")
            routes = {"hello": self.hello_route, "status": self.status_route}
            handler = getattr(handlers, first.replace("-", "_"), None)
            if handler is None and first != "status":
                start_response("404 Not Found", [])
                return [b"nothing here"]
            environ["route"] = routes.get(first, f"/{first}")
            if handler is None:
                start_response(f"{rest[0]} Whatever", [])
                return []
            answer = handler(*rest)
            start_response("200 OK", [("Content-Type", "text/plain")])
            if environ["REQUEST_METHOD"] == "HEAD":
                return []
            return [answer.encode()] if isinstance(answer, str) else answer

        return WSGIMiddleware(app, pipeline.server, pipeline.redaction, lambda environ: environ.get("route", ""))


def exchange(app: Any, pipeline: Pipeline, path: str = "/", **more: Any) -> Exchange:
    environ = {**environ_of("GET", path, "", {}), **more}
    return Exchange(WSGIMiddleware(app, pipeline.server, pipeline.redaction), environ)


class Body:
    def __init__(self) -> None:
        self.closed = 0
        self.chunks = iter([b"a", b"b"])

    def __iter__(self) -> Iterator[bytes]:
        return self.chunks

    def close(self) -> None:
        self.closed += 1


def test_the_body_is_closed_once() -> None:
    pipeline, body = Pipeline(), Body()

    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", [])
        return body

    assert exchange(app, pipeline).read() == b"ab"
    assert body.closed == 1


def test_a_close_that_raises_is_passed_on_and_counted() -> None:
    pipeline = Pipeline()

    class Broken(Body):
        def close(self) -> None:
            raise KeyError("close")

    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", [])
        return Broken()

    opened = exchange(app, pipeline)
    assert opened.chunk() == b"a"
    with pytest.raises(KeyError):
        opened.close()
    assert pipeline.span.status.status_code is StatusCode.ERROR
    assert pipeline.active() == 0


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_stays_a_list(kind: type) -> None:
    # From its length a server tells the content length (PEP 3333, "Handling the Content-Length Header").
    pipeline = Pipeline()
    given = kind([b"abc"])

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return given

    assert exchange(app, pipeline)._body is given
    assert sum(pipeline.counted().values()) == 1


def test_exc_info_is_passed_on() -> None:
    pipeline = Pipeline()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        try:
            raise ValueError("late")
        except ValueError:
            start_response("500 Oops", [("x", "y")], sys.exc_info())
        return [b"sorry"]

    opened = exchange(app, pipeline)
    assert opened.exc_info[0] is ValueError
    assert (opened.status, opened.headers) == (500, {"x": "y"})
    assert set(pipeline.counted()) == {("GET", "", "500")}


def test_the_write_callable_is_passed_on() -> None:
    pipeline = Pipeline()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])(b"written ")
        return iter([b"iterated"])

    assert exchange(app, pipeline).read() == b"written iterated"


def test_a_start_that_comes_with_the_first_byte() -> None:
    pipeline = Pipeline()

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("202 Accepted", [])
        yield b"x"

    assert exchange(app, pipeline).read() == b"x"
    assert set(pipeline.counted()) == {("GET", "", "202")}


def test_an_application_that_never_starts() -> None:
    pipeline = Pipeline()
    assert exchange(lambda environ, start_response: iter([]), pipeline).read() == b""
    assert set(pipeline.counted()) == {("GET", "", "")}


def test_an_application_whose_answer_is_no_body() -> None:
    pipeline = Pipeline()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])

    with pytest.raises(TypeError):
        exchange(app, pipeline)
    assert pipeline.active() == 0
    assert sum(pipeline.counted().values()) == 1


def test_a_nested_application_counts_once() -> None:
    pipeline = Pipeline()

    def inner(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return iter([b"inner"])

    nested = WSGIMiddleware(inner, pipeline.server, pipeline.redaction)
    assert exchange(nested, pipeline).read() == b"inner"
    assert sum(pipeline.counted().values()) == 1
    assert len(pipeline.spans) == 1


def test_a_route_function_that_fails_does_not_break_the_answer(said: list[str]) -> None:
    pipeline = Pipeline()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [b"fine"]

    def route(environ: Any) -> str:
        raise LookupError("no such thing")

    opened = Exchange(WSGIMiddleware(app, pipeline.server, pipeline.redaction, route), environ_of("GET", "/", "", {}))
    assert opened.read() == b"fine"
    assert pipeline.counted() == {("GET", "", "200"): 1}
    assert len(said) == 1


def test_statuses_that_are_no_numbers(said: list[str]) -> None:
    pipeline = Pipeline()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("OK!", [])
        return [b"fine"]

    middleware = WSGIMiddleware(app, pipeline.server, pipeline.redaction)
    assert middleware(environ_of("GET", "/", "", {}), lambda *_: None) == [b"fine"]
    assert sum(pipeline.counted().values()) == 1
    assert said == []


@pytest.mark.parametrize(
    ("more", "address", "port"),
    [
        ({"HTTP_HOST": "example.org"}, "example.org", 8080),
        ({"HTTP_HOST": "[::1]:5000"}, "::1", 5000),
        ({"HTTP_HOST": "[::1]"}, "::1", 8080),
        ({"HTTP_HOST": "", "SERVER_NAME": "unix", "SERVER_PORT": ""}, "unix", 80),
        ({"HTTP_HOST": "", "SERVER_PORT": "", "wsgi.url_scheme": "https"}, "localhost", 443),
        ({"HTTP_HOST": "x", "SERVER_PORT": "none"}, "x", 80),
    ],
)
def test_the_server_s_address(more: dict[str, str], address: str, port: int) -> None:
    pipeline = Pipeline()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return []

    exchange(app, pipeline, **more)
    assert (pipeline.span.attributes["server.address"], pipeline.span.attributes["server.port"]) == (address, port)


def test_a_mounted_application_s_path_is_whole() -> None:
    pipeline = Pipeline()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return []

    exchange(app, pipeline, "/inner", SCRIPT_NAME="/outer")
    assert pipeline.span.attributes["url.path"] == "/outer/inner"


def test_a_finished_request_keeps_nothing_alive() -> None:
    import gc
    import weakref

    pipeline = Pipeline(0.0)

    class Environ(dict):  # type: ignore[type-arg]
        pass

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return iter([b"x"])

    environ = Environ(environ_of("GET", "/", "", {}))
    gone = weakref.ref(environ)
    gc.disable()
    try:
        opened = Exchange(WSGIMiddleware(app, pipeline.server, pipeline.redaction), environ)
        opened.read()
        assert REQUEST_KEY in environ
        del environ, opened
        assert gone() is None  # without the cycle collector
    finally:
        gc.enable()
