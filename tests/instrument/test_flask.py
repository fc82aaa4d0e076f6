"""Flask: the contract with and without its own error page, and what is Flask's own."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Blueprint, Flask, Response, abort, stream_with_context
from opentelemetry import trace
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from spanwise.http import flask as integration
from tests.instrument.http_contract import Handlers, HttpServerContract
from tests.instrument.pipeline import Pipeline


class TestFlask(HttpServerContract):
    raises = False

    def make(self, pipeline: Pipeline, handlers: Handlers) -> Any:
        app = Flask(__name__)
        integration.attach(app, pipeline.server, pipeline.redaction)
        app.get("/hello/<name>")(handlers.hello)
        app.get("/fail")(handlers.fail)
        app.get("/status/<int:code>", endpoint="status")(lambda code: Response(status=code))
        app.get("/stream", endpoint="stream")(lambda: handlers.stream())
        app.get("/broken-stream", endpoint="broken")(lambda: handlers.broken_stream())
        app.get("/child")(handlers.child)
        app.get("/outgoing")(handlers.outgoing)
        app.get("/baggage", endpoint="baggage")(handlers.baggage)
        return app


class TestFlaskThatPropagates(TestFlask):
    """As with TESTING or PROPAGATE_EXCEPTIONS."""

    raises = True

    def make(self, pipeline: Pipeline, handlers: Handlers) -> Any:
        app = super().make(pipeline, handlers)
        app.config["PROPAGATE_EXCEPTIONS"] = True
        return app


def attached(pipeline: Pipeline) -> Flask:
    app = Flask(__name__)
    integration.attach(app, pipeline.server, pipeline.redaction)
    return app


def test_it_knows_its_own() -> None:
    assert integration.matches(Flask(__name__))
    assert not integration.matches(object())
    assert not integration.matches(Flask)


def test_attached_twice_counts_once() -> None:
    pipeline = Pipeline()
    app = attached(pipeline)
    integration.attach(app, pipeline.server, pipeline.redaction)
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    integration.attach(app, pipeline.server, pipeline.redaction)

    @app.get("/fail")
    def fail() -> str:
        raise KeyError("boom")

    app.test_client().get("/fail").close()
    assert pipeline.counted() == {("GET", "/fail", "500"): 1}
    assert len(pipeline.span.events) == 1


def test_routes_of_blueprints() -> None:
    pipeline = Pipeline()
    app = attached(pipeline)
    inner, outer = Blueprint("inner", __name__), Blueprint("outer", __name__, url_prefix="/api")
    inner.get("/items/<int:item>/<path:rest>", endpoint="item")(lambda item, rest: "x")
    outer.register_blueprint(inner, url_prefix="/v1")
    app.register_blueprint(outer)
    app.test_client().get("/api/v1/items/5/a/b")
    assert pipeline.counted() == {("GET", "/api/v1/items/<int:item>/<path:rest>", "200"): 1}


def test_methods_that_are_not_allowed() -> None:
    pipeline = Pipeline()
    app = attached(pipeline)
    app.get("/x", endpoint="x")(lambda: "x")
    assert b"405" in app.test_client().post("/x").data
    assert pipeline.counted() == {("POST", "", "405"): 1}


def test_an_http_exception_is_an_answer_and_no_error() -> None:
    pipeline = Pipeline()
    app = attached(pipeline)
    app.get("/x", endpoint="x")(lambda: abort(410))
    app.test_client().get("/x").close()
    assert pipeline.counted() == {("GET", "/x", "410"): 1}
    assert pipeline.span.events == ()


def test_an_exception_with_a_handler_of_its_own_is_an_answer() -> None:
    pipeline = Pipeline()
    app = attached(pipeline)

    @app.get("/x")
    def fail() -> str:
        raise KeyError("expected")

    app.register_error_handler(KeyError, lambda error: ("not there", 404))
    app.test_client().get("/x")
    assert pipeline.counted() == {("GET", "/x", "404"): 1}
    assert "error.type" not in pipeline.span.attributes


def test_streaming_with_its_context() -> None:
    pipeline = Pipeline()
    app = attached(pipeline)

    @app.get("/x")
    def stream() -> Response:
        def body() -> Any:
            yield f"{trace.get_current_span().get_span_context().trace_id:032x}"

        return Response(stream_with_context(body()))

    with app.test_client().get("/x") as response:
        text = response.text
    assert text == f"{pipeline.span.context.trace_id:032x}"


def test_the_current_span_can_be_written_to() -> None:
    pipeline = Pipeline()
    app = attached(pipeline)

    @app.get("/x")
    def handler() -> str:
        span = trace.get_current_span()
        span.set_attribute("order.id", 7)
        span.add_event("paid")
        span.update_name("checkout")
        return "x"

    app.test_client().get("/x")
    assert pipeline.span.name == "checkout"
    assert pipeline.span.attributes["order.id"] == 7
    assert pipeline.span.attributes["http.route"] == "/x"
    assert [event.name for event in pipeline.span.events] == ["paid"]


def test_a_span_that_the_service_ends_itself(said: list[str]) -> None:
    pipeline = Pipeline()
    app = attached(pipeline)

    @app.get("/x")
    def handler() -> str:
        trace.get_current_span().end()
        return "x"

    assert app.test_client().get("/x").status_code == 200
    assert len(pipeline.spans) == 1
    assert sum(pipeline.counted().values()) == 1
    assert said == []


def test_two_applications_of_one_process() -> None:
    pipeline = Pipeline()
    one, two = attached(pipeline), attached(pipeline)
    one.get("/x", endpoint="x")(lambda: "one")
    two.get("/y", endpoint="y")(lambda: "two")
    one.wsgi_app = DispatcherMiddleware(one.wsgi_app, {"/two": two.wsgi_app})  # type: ignore[method-assign]
    client = one.test_client()
    assert (client.get("/x").text, client.get("/two/y").text) == ("one", "two")
    assert pipeline.counted() == {("GET", "/x", "200"): 1, ("GET", "/y", "200"): 1}


@pytest.mark.parametrize("path", ["/static/x.css"])
def test_static_files(path: str) -> None:
    pipeline = Pipeline()
    assert attached(pipeline).test_client().get(path).data
    assert pipeline.counted() == {("GET", "/static/<path:filename>", "404"): 1}
