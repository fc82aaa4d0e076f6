"""OTEL_PROPAGATORS, and traces that a caller asks for: by B3's debug state or by the admin token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan

from spanwise.http.asgi import ASGIMiddleware
from spanwise.http.server import FORCE_HEADER
from spanwise.http.wsgi import WSGIMiddleware
from spanwise.settings import SettingError
from spanwise.tracing import propagation
from spanwise.tracing.sampling import HeadSampling
from tests.instrument.conftest import Ran
from tests.instrument.pipeline import Pipeline

TRACE = "80f198ee56343ba864fe8b2a57d3eff7"
SPAN = "e457b5a2e4d86bd1"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`installed("b3")` makes these propagators the global one until the test's end."""
    monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", propagate._HTTP_TEXT_FORMAT)
    return lambda *names: propagation.install(names, HeadSampling(0.0))


def get(pipeline: Pipeline, headers: dict[str, str], kind: str = "wsgi") -> dict[str, str]:
    """One request through the middleware; the headers that the application would pass on."""
    onward: dict[str, str] = {}

    def wsgi(environ: Any, start: Any) -> list[bytes]:
        propagate.inject(onward)
        start("200 OK", [])
        return [b"x"]

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        propagate.inject(onward)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    async def ignore(*_: Any) -> None: ...

    if kind == "wsgi":
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "wsgi.url_scheme": "http", "HTTP_HOST": "a"}
        environ.update({f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()})
        WSGIMiddleware(wsgi, pipeline.server, pipeline.redaction)(environ, lambda *_: None)  # type: ignore[arg-type, return-value]
    else:
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "GET", "path": "/x", "headers": pairs}
        asyncio.run(ASGIMiddleware(asgi, pipeline.server, pipeline.redaction)(scope, ignore, ignore))  # type: ignore[arg-type]
    return onward


def state(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return context.trace_state.to_header() if context.trace_state else ""


def quiet(rate: float = 0.0, **server: Any) -> Pipeline:
    """Nothing is kept but what is asked for."""
    pipeline = Pipeline(rate, **server)
    pipeline.server._young = False
    return pipeline


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
@pytest.mark.parametrize("name", ["b3", "b3multi"])
def test_b3_leads_in_and_out(installed: Callable[..., None], kind: str, name: str) -> None:
    installed(name)
    pipeline = quiet(w3c_only=False)
    onward = get(pipeline, {"b3": f"{TRACE}-{SPAN}-1"}, kind)
    context = pipeline.span.get_span_context()
    assert context is not None and f"{context.trace_id:032x}" == TRACE
    assert pipeline.span.parent is not None and f"{pipeline.span.parent.span_id:016x}" == SPAN
    sent = onward.get("b3") or f"{onward['x-b3-traceid']}-{onward['x-b3-spanid']}-{onward['x-b3-sampled']}"
    assert sent == f"{TRACE}-{context.span_id:016x}-1"
    assert "traceparent" not in onward


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
@pytest.mark.parametrize("headers", [{"b3": f"{TRACE}-{SPAN}-d"}, {"b3": "d"}, {"x-b3-flags": "1"}])
@pytest.mark.parametrize("parent_based", [True, False])
def test_b3_debug_forces_one_trace(
    installed: Callable[..., None], headers: dict[str, str], kind: str, parent_based: bool
) -> None:
    installed("b3")
    pipeline = quiet(w3c_only=False, parent_based=parent_based)
    onward = get(pipeline, headers, kind)
    assert state(pipeline.span) == "spanwise=kept:forced"
    assert onward["b3"].endswith("-d")
    get(pipeline, {}, kind)
    assert len(pipeline.spans) == 1


def test_b3_decisions_without_ids(installed: Callable[..., None]) -> None:
    installed("b3")
    pipeline = quiet(1.0, w3c_only=False)
    assert get(pipeline, {"b3": "0"})["b3"].endswith("-0")
    assert state(pipeline.span) == "spanwise=kept:first"  # as of any route, once a minute
    assert get(pipeline, {"b3": "0"})["b3"].endswith("-0")
    assert len(pipeline.spans) == 1
    pipeline.spans.clear()
    pipeline.sampling.set_rate(0.0)
    get(pipeline, {"b3": "1"})
    assert state(pipeline.span) == ""  # it stands for itself alone


def test_several_formats_at_once(installed: Callable[..., None]) -> None:
    installed("b3", "tracecontext", "baggage")
    pipeline = quiet(w3c_only=False)
    onward = get(pipeline, {"traceparent": f"00-{TRACE}-{SPAN}-01", "baggage": "a=1"})
    assert set(onward) == {"b3", "traceparent", "baggage"}


def test_none_means_none(installed: Callable[..., None]) -> None:
    installed("none")
    pipeline = quiet(1.0, w3c_only=False)
    assert get(pipeline, {"traceparent": f"00-{TRACE}-{SPAN}-00"}) == {}
    assert pipeline.span.parent is None


TOKEN = "s3cret"


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_the_admin_token_forces_one_trace(kind: str) -> None:
    pipeline = quiet(may_force=lambda offered: offered == TOKEN)
    onward = get(pipeline, {FORCE_HEADER: TOKEN}, kind)
    assert state(pipeline.span) == "spanwise=kept:forced"
    assert onward["traceparent"].endswith(("-01", "-03"))
    assert TOKEN not in repr((onward, pipeline.span.attributes))
    get(pipeline, {FORCE_HEADER: "wrong"}, kind)
    assert len(pipeline.spans) == 1


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_without_a_token_the_header_is_ignored(kind: str) -> None:
    pipeline = quiet()
    get(pipeline, {FORCE_HEADER: ""}, kind)
    get(pipeline, {FORCE_HEADER: TOKEN}, kind)
    assert pipeline.spans == []


def test_the_token_continues_a_trace_that_its_caller_did_not_want() -> None:
    pipeline = quiet(may_force=lambda offered: True)
    get(pipeline, {FORCE_HEADER: "x", "traceparent": f"00-{TRACE}-{SPAN}-00", "tracestate": "ot=th:8;rv:" + "7" * 14})
    assert f"{pipeline.span.get_span_context().trace_id:032x}" == TRACE  # type: ignore[union-attr]
    assert state(pipeline.span) == f"spanwise=kept:forced,ot=rv:{'7' * 14}"


def test_the_token_leaves_a_sampled_trace_as_it_is() -> None:
    pipeline = quiet(may_force=lambda offered: True)
    get(pipeline, {FORCE_HEADER: "x", "traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "ot=th:8"})
    assert state(pipeline.span) == "ot=th:8"


def test_w3c_alone_keeps_the_fast_path() -> None:
    assert propagation.is_w3c_only(["tracecontext", "baggage"])
    assert propagation.is_w3c_only(["tracecontext"])
    assert not propagation.is_w3c_only(["tracecontext", "b3"])
    assert not propagation.is_w3c_only(["none"])


def test_a_missing_package_is_named() -> None:
    with pytest.raises(SettingError, match=r"names 'jaeger'.*pip install opentelemetry-propagator-jaeger"):
        propagation.check(["jaeger"])
    with pytest.raises(SettingError, match=r"names 'zipkin'.*tracecontext, baggage, b3, b3multi and none"):
        propagation.check(["zipkin"])


def test_another_package_s_propagator_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(propagation, "_BUILT_IN", ())
    chosen = propagation.propagator(["tracecontext"], HeadSampling(0.0))
    carrier: dict[str, str] = {}
    with Pipeline().tracer.start_as_current_span("x"):
        chosen.inject(carrier)
    assert "traceparent" in carrier
    assert chosen.extract({}, Context()) == {}


SERVICE = """
    import json, spanwise
    from flask import Flask
    app = Flask(__name__)
    spanwise.instrument(app, service="x", export=lambda body: None, sample_rate=0)
    @app.get("/")
    def home():
        from opentelemetry import propagate
        onward = {}
        propagate.inject(onward)
        return onward
    client = app.test_client()
    headers = [{"b3": "TRACE-SPAN-d"}, {"X-Spanwise-Trace": "tok"}, {"X-Spanwise-Trace": "no"}]
    print(json.dumps([client.get("/", headers=each).get_json() for each in headers]))
""".replace("TRACE", TRACE).replace("SPAN", SPAN)


def test_a_whole_service_with_b3_and_a_token(run: Callable[..., Ran]) -> None:
    by_debug, by_token, by_nobody = run(SERVICE, OTEL_PROPAGATORS="b3", SPANWISE_ADMIN_TOKEN="tok").json
    assert by_debug["b3"].startswith(TRACE) and by_debug["b3"].endswith("-d")
    assert by_token["b3"].endswith("-d")
    assert by_nobody["b3"].endswith("-0")


def test_a_service_that_names_a_missing_one_is_told_in_one_line(run: Callable[..., Ran]) -> None:
    ran = run(SERVICE, OTEL_PROPAGATORS="tracecontext,jaeger")
    assert ran.code != 0
    assert "SettingError: OTEL_PROPAGATORS names 'jaeger'" in ran.stderr.splitlines()[-1]
    assert json.dumps(ran.stderr).count("not found. It is either misspelled") == 0
