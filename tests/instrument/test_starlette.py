"""Starlette and FastAPI: the contract, and templates through routers and mounted applications."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from spanwise.http import starlette as integration
from tests.instrument.asgi_exchange import AsgiContract, AsgiExchange, scope_of
from tests.instrument.http_contract import Handlers
from tests.instrument.pipeline import Pipeline


def answer(call: Any, *arguments: Any) -> Response:
    made = call(*arguments)
    return StreamingResponse(made) if isinstance(made, Iterator) else PlainTextResponse(made)


def endpoint_of(handler: Any) -> Any:
    async def endpoint() -> Response:
        return answer(handler)

    return endpoint


class TestStarlette(AsgiContract):
    hello_route = "/hello/{name}"
    status_route = "/status/{code:int}"

    def make(self, pipeline: Pipeline, handlers: Handlers) -> Any:
        async def hello(request: Any) -> Response:
            return answer(handlers.hello, request.path_params["name"])

        async def status(request: Any) -> Response:
            return Response(status_code=request.path_params["code"])

        def plain(handler: Any) -> Any:
            async def endpoint(request: Any) -> Response:
                return answer(handler)

            return endpoint

        simple = ("fail", "stream", "broken-stream", "child", "outgoing", "baggage")
        routes = [Route(f"/{name}", plain(getattr(handlers, name.replace("-", "_")))) for name in simple]
        app = Starlette(routes=[Route(self.hello_route, hello), Route(self.status_route, status), *routes])
        integration.attach(app, pipeline.server, pipeline.redaction)
        return app


class TestFastAPI(AsgiContract):
    hello_route = "/hello/{name}"
    status_route = "/status/{code}"

    def make(self, pipeline: Pipeline, handlers: Handlers) -> Any:
        app = FastAPI()
        integration.attach(app, pipeline.server, pipeline.redaction)

        @app.api_route(self.hello_route, methods=["GET", "HEAD"])
        async def hello(name: str) -> Response:
            return answer(handlers.hello, name)

        @app.get(self.status_route)
        async def status(code: int) -> Response:
            return Response(status_code=code)

        for name in ("fail", "stream", "broken-stream", "child", "outgoing", "baggage"):
            app.get(f"/{name}")(endpoint_of(getattr(handlers, name.replace("-", "_"))))
        return app


def get(app: Any, path: str, root_path: str = "") -> int:
    exchange = AsgiExchange(app, {**scope_of("GET", path, "", {}), "root_path": root_path})
    exchange.read()
    return exchange.status


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(1.0)


def test_it_knows_its_own() -> None:
    assert integration.matches(Starlette())
    assert integration.matches(FastAPI())
    assert not integration.matches(object())


def test_routers_and_mounted_applications(pipeline: Pipeline) -> None:
    app, sub, router = FastAPI(), FastAPI(), APIRouter(prefix="/items")
    integration.attach(app, pipeline.server, pipeline.redaction)
    router.get("/{item}")(lambda item: item)
    sub.get("/inner/{name}")(lambda name: name)
    app.include_router(router, prefix="/v1")
    app.mount("/tenants/{tenant}", sub)
    for path in ("/v1/items/5", "/tenants/acme/inner/x", "/tenants/acme/none", "/none"):
        get(app, path)
    assert set(pipeline.counted()) == {
        ("GET", "/v1/items/{item}", "200"),
        ("GET", "/tenants/{tenant}/inner/{name}", "200"),
        ("GET", "", "404"),
    }
    assert len(pipeline.spans) == 4, "a framework's own spans, beside ours"


def test_a_mount_of_files_is_one_route(pipeline: Pipeline, tmp_path: Any) -> None:
    (tmp_path / "a.txt").write_text("a")
    app = Starlette(routes=[Mount("/static", StaticFiles(directory=tmp_path))])
    integration.attach(app, pipeline.server, pipeline.redaction)
    assert get(app, "/static/a.txt") == 200
    assert set(pipeline.counted()) == {("GET", "/static", "200")}


def test_a_servers_root_path_is_not_of_the_route(pipeline: Pipeline) -> None:
    app = Starlette(routes=[Route("/hello/{name}", lambda request: PlainTextResponse("x"))])
    integration.attach(app, pipeline.server, pipeline.redaction)
    assert get(app, "/proxied/hello/bob", root_path="/proxied") == 200
    assert set(pipeline.counted()) == {("GET", "/hello/{name}", "200")}


def test_attached_twice_and_late(pipeline: Pipeline) -> None:
    app = Starlette(routes=[Route("/hello", lambda request: PlainTextResponse("x"))])
    assert get(app, "/hello") == 200
    integration.attach(app, pipeline.server, pipeline.redaction)
    integration.attach(app, pipeline.server, pipeline.redaction)
    assert get(app, "/hello") == 200
    assert pipeline.counted() == {("GET", "/hello", "200"): 1}
