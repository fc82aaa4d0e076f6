"""Django: the contract, by WSGI and by ASGI, and templates through included URL configurations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import django
import pytest
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import clear_url_caches, include, path, re_path

from spanwise.http import django as integration
from tests.instrument.asgi_exchange import AsgiContract
from tests.instrument.http_contract import Exchange, Handlers, HttpServerContract, environ_of
from tests.instrument.pipeline import Pipeline

urlpatterns: list[Any] = []


@pytest.fixture(scope="module", autouse=True)
def configured() -> None:
    if not settings.configured:
        settings.configure(DEBUG=False, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="tests", LOGGING={})
        django.setup()


@pytest.fixture(autouse=True)
def unhooked() -> Iterator[None]:
    """Django's classes as they were: each test attaches its own pipeline."""
    kept = [(kind, dict(vars(kind))) for kind in (WSGIHandler, ASGIHandler, BaseHandler)]
    yield
    for kind, attributes in kept:
        for name in set(vars(kind)) - set(attributes):
            delattr(kind, name)
        for name in ("__call__", "resolve_request"):
            if name in attributes:
                setattr(kind, name, attributes[name])


def answer(made: Any) -> Any:
    return StreamingHttpResponse(made) if isinstance(made, Iterator) else HttpResponse(made)


def use(patterns: list[Any]) -> None:
    urlpatterns[:] = patterns
    clear_url_caches()


def patterns_of(handlers: Handlers) -> list[Any]:
    def plain(handler: Any) -> Any:
        return lambda request: answer(handler())

    simple = ("fail", "stream", "broken-stream", "child", "outgoing", "baggage")
    return [
        path("hello/<str:name>", lambda request, name: answer(handlers.hello(name))),
        path("status/<int:code>", lambda request, code: HttpResponse(status=code)),
        *(path(name, plain(getattr(handlers, name.replace("-", "_")))) for name in simple),
    ]


class TestDjangoByWSGI(HttpServerContract):
    hello_route = "/hello/<str:name>"
    raises = False
    answers_head = False  # Django leaves it to the server to send no body

    def make(self, pipeline: Pipeline, handlers: Handlers) -> Any:
        use(patterns_of(handlers))
        app = WSGIHandler()
        integration.attach(app, pipeline.server, pipeline.redaction)
        return app


async def streamed(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """By ASGI, Django reads a synchronous iterator whole before it sends anything."""
    try:
        for piece in pieces:
            yield piece
    finally:
        pieces.close()  # type: ignore[attr-defined]


class TestDjangoByASGI(AsgiContract):
    hello_route = "/hello/<str:name>"
    raises = False

    def make(self, pipeline: Pipeline, handlers: Handlers) -> Any:
        streams = [
            path("stream", lambda request: StreamingHttpResponse(streamed(handlers.stream()))),
            path("broken-stream", lambda request: StreamingHttpResponse(streamed(handlers.broken_stream()))),
        ]
        use([*streams, *patterns_of(handlers)])
        app = ASGIHandler()
        integration.attach(app, pipeline.server, pipeline.redaction)
        return app


def test_it_knows_its_own() -> None:
    assert integration.matches(WSGIHandler())
    assert integration.matches(ASGIHandler())
    assert not integration.matches(object())


def test_included_and_regular_expression_routes() -> None:
    pipeline = Pipeline(1.0)
    inner = [path("b/<slug:s>", lambda request, s: HttpResponse(s))]
    use(
        [
            path("inc/", include((inner, "inner"))),
            re_path(r"^years/(?P<y>[0-9]{4})/$", lambda request, y: HttpResponse(y)),
        ]
    )
    app = WSGIHandler()
    integration.attach(app, pipeline.server, pipeline.redaction)
    integration.attach(app, pipeline.server, pipeline.redaction)
    for asked in ("/inc/b/zz", "/years/1999/", "/none"):
        Exchange(app, environ_of("GET", asked, "", {})).read()
    assert pipeline.counted() == {
        ("GET", "/inc/b/<slug:s>", "200"): 1,
        ("GET", "/years/(?P<y>[0-9]{4})/", "200"): 1,
        ("GET", "", "404"): 1,
    }
