"""The ASGI middleware: the contract with a plain application, and WebSockets."""

from __future__ import annotations

import asyncio
from typing import Any

from spanwise.http.asgi import ASGIMiddleware
from tests.instrument.asgi_exchange import AsgiContract, scope_of
from tests.instrument.http_contract import Handlers
from tests.instrument.pipeline import Pipeline


class TestPlainASGI(AsgiContract):
    def make(self, pipeline: Pipeline, handlers: Handlers) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            _, first, *rest = scope["path"].split("/")
            routes = {"hello": self.hello_route, "status": self.status_route}
            handler = getattr(handlers, first.replace("-", "_"), None)
            status = 200 if handler else int(rest[0]) if first == "status" else 404
            if status != 404:
                scope["route"] = routes.get(first, f"/{first}")
            made = handler(*rest) if handler else b""
            await send({"type": "http.response.start", "status": status, "headers": []})
            if scope["method"] != "HEAD" and not isinstance(made, (str, bytes)):
                try:
                    for piece in made:
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                finally:
                    made.close()
                made = b""
            body = made.encode() if isinstance(made, str) else made
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

        return ASGIMiddleware(app, pipeline.server, pipeline.redaction, lambda scope, root: scope.get("route", ""))


def run(app: Any, scope: dict[str, Any]) -> list[str]:
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(app(scope, receive, send))
    return sent


def web_socket(pipeline: Pipeline, *messages: str) -> list[str]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send({"type": message})

    scope = {**scope_of("GET", "/ws", "", {}), "type": "websocket", "scheme": "ws"}
    del scope["method"]
    return run(ASGIMiddleware(app, pipeline.server, pipeline.redaction, lambda scope, root: "/ws"), scope)


def test_a_web_socket_counts_as_its_handshake() -> None:
    pipeline = Pipeline(1.0)
    assert web_socket(pipeline, "websocket.accept", "websocket.send", "websocket.close") == [
        "websocket.accept",
        "websocket.send",
        "websocket.close",
    ]
    assert pipeline.counted() == {("GET", "/ws", "101"): 1}
    assert pipeline.active() == 0
    assert pipeline.span.attributes["url.scheme"] == "ws"


def test_a_refused_web_socket_is_a_403() -> None:
    pipeline = Pipeline(1.0)
    web_socket(pipeline, "websocket.close")
    assert pipeline.counted() == {("GET", "/ws", "403"): 1}


def test_life_span_messages_pass() -> None:
    pipeline = Pipeline(1.0)
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    run(ASGIMiddleware(app, pipeline.server, pipeline.redaction), {"type": "lifespan"})
    assert seen == ["lifespan"]
    assert pipeline.counted() == {}


def test_a_nested_instrumented_application_counts_once() -> None:
    pipeline = Pipeline(1.0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    inner = ASGIMiddleware(app, pipeline.server, pipeline.redaction, lambda scope, root: "/inner")
    outer = ASGIMiddleware(inner, pipeline.server, pipeline.redaction, lambda scope, root: "/outer")
    run(outer, scope_of("GET", "/", "", {}))
    assert pipeline.counted() == {("GET", "/outer", "200"): 1}
