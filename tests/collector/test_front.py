"""The first hop: spans to the intake, the rest to Flask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from spanwise_collector.front import Front

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def named(name: bytes) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [name]

    return app


@pytest.mark.parametrize(
    ("port", "path", "answer", "method"),
    [
        ("9411", "/api/v2/spans", b"zipkin", "POST"),
        ("9411", "/api/v2/spans", b"app", "GET"),
        ("4318", "/api/v2/spans", b"http://127.0.0.1:9411/", "POST"),
        ("9411", "/v1/traces", b"otlp", "POST"),
        ("4318", "/v1/traces", b"otlp", "POST"),
        ("9411", "/", b"app", "GET"),
        ("9411", "/v1/traces/x", b"app", "POST"),
        ("4318", "/", b"http://127.0.0.1:9411/", "GET"),
        ("4318", "/api/spanwise/services", b"http://127.0.0.1:9411/", "GET"),
    ],
)
def test_who_answers(port: str, path: str, answer: bytes, method: str) -> None:
    front = Front(
        {"/v1/traces": named(b"otlp")},
        {"/api/v2/spans": named(b"zipkin")},
        named(b"app"),
        otlp_port=4318,
        pages_url="http://127.0.0.1:9411",
    )
    environ = {"REQUEST_METHOD": method, "SERVER_PORT": port, "PATH_INFO": path}
    (body,) = front(environ, lambda *_: lambda data: None)
    assert answer in body
