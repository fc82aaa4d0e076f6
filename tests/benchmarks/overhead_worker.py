"""One variant of `overhead.py` in a process of its own: prepares an application, then runs requests when told to.

    python overhead_worker.py SUITE VARIANT SINK_URL

Reads commands from standard input, one a line, and answers each with a line: `begin`; a number of requests to run;
`end`, which exports what is left and tells the CPU seconds that the whole process has spent since `begin`.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
import time
from collections.abc import Callable
from typing import Any

WARM_UP_REQUESTS = 500
Flush = Callable[[], object]


def nothing() -> None:
    return None


def otel_provider(rate: float, sink: str) -> tuple[Any, Flush]:
    """The SDK as its documentation sets it up: parent-based ratio sampling, batches, OTLP over HTTP with gzip."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(rate)), resource=Resource.create({"service.name": "bench"})
    )
    exporter = OTLPSpanExporter(endpoint=f"{sink}/v1/traces", compression=Compression.Gzip)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=8192))
    trace.set_tracer_provider(provider)
    return provider, provider.force_flush


def ours(app: Any, rate: float, sink: str) -> Flush:
    import spanwise

    # Of the collector only the receiver: the sink is no registry.
    instrumentation = spanwise.instrument(app, service="bench", sample_rate=rate, admin_port=0)
    spanwise.slo("bench-latency", objective=0.99, latency=0.25)
    return instrumentation.force_flush


def flask_suite(variant: str, sink: str) -> tuple[Callable[[], None], Flush]:
    from flask import Flask

    flush: Flush = nothing
    name, _, rate = variant.partition("_")
    if name in ("otel", "usual"):
        from opentelemetry.instrumentation.flask import FlaskInstrumentor

        provider, flush = otel_provider(float(rate or 0.1), sink)
    app = Flask("bench")
    if name in ("otel", "usual"):
        FlaskInstrumentor().instrument_app(app, tracer_provider=provider)
    if name in ("promflask", "usual"):
        from prometheus_flask_exporter import PrometheusMetrics

        PrometheusMetrics(app, group_by="url_rule")
    if name == "ours":
        flush = ours(app, float(rate), sink)

    @app.get("/hello/<name>")
    def hello(name: str) -> str:
        return f"hello {name}"

    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/hello/world",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8080",
        "HTTP_USER_AGENT": "bench/1.0",
        "HTTP_ACCEPT": "*/*",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        if not status.startswith("200"):
            raise AssertionError(status)
        return lambda data: None

    def request() -> None:
        body: Any = app(dict(environ), start_response)
        for _ in body:
            pass
        if hasattr(body, "close"):
            body.close()

    return request, flush


def fastapi_suite(variant: str, sink: str) -> tuple[Callable[[], None], Flush]:
    from fastapi import FastAPI

    flush: Flush = nothing
    name, _, rate = variant.partition("_")
    app = FastAPI()

    @app.get("/hello/{name}")
    async def hello(name: str) -> dict[str, str]:
        return {"hello": name}

    if name in ("otel", "usual"):
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

        provider, flush = otel_provider(float(rate or 0.1), sink)
        FastAPIInstrumentor.instrument_app(app, tracer_provider=provider)
    if name in ("promfastapi", "usual"):
        from prometheus_fastapi_instrumentator import Instrumentator

        Instrumentator().instrument(app)
    if name == "ours":
        flush = ours(app, float(rate), sink)
    headers = [(b"host", b"127.0.0.1:8080"), (b"user-agent", b"bench/1.0"), (b"accept", b"*/*")]
    loop = asyncio.new_event_loop()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise AssertionError(message)

    async def one() -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/hello/world",
            "raw_path": b"/hello/world",
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 5000),
            "server": ("127.0.0.1", 8080),
        }
        await app(scope, receive, send)

    return lambda: loop.run_until_complete(one()), flush


def requests_suite(variant: str, sink: str) -> tuple[Callable[[], None], Flush]:
    """The client alone: urllib3 below answers without a network, inside a root that is sampled as the variant says."""
    import requests
    import urllib3

    def urlopen(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> urllib3.HTTPResponse:
        return urllib3.HTTPResponse(io.BytesIO(b"ok"), {"Content-Length": "2"}, 200, preload_content=False)

    urllib3.connectionpool.HTTPConnectionPool.urlopen = urlopen  # type: ignore[method-assign, assignment]
    flush: Flush = nothing
    name, _, rate = variant.partition("_")
    if name == "otel":
        from opentelemetry.instrumentation.requests import RequestsInstrumentor

        provider, flush = otel_provider(float(rate), sink)
        RequestsInstrumentor().instrument(tracer_provider=provider)
    if name == "ours":
        flush = ours(None, float(rate), sink)
    session = requests.Session()
    session.trust_env = False
    return lambda: session.get("http://127.0.0.1:8080/hello").close(), flush


def admin_suite(variant: str, sink: str) -> tuple[Callable[[], None], Flush]:
    """The same service without its admin port (bare), and with one that nobody asks."""
    os.environ["SPANWISE_ADMIN_LISTEN"] = "false" if variant == "bare" else "true"
    return flask_suite("ours_0.1", sink)


SUITES = {"flask": flask_suite, "fastapi": fastapi_suite, "requests": requests_suite, "admin": admin_suite}


def main() -> None:
    suite, variant, sink = sys.argv[1:4]
    request, flush = SUITES[suite](variant, sink)
    for _ in range(WARM_UP_REQUESTS):
        request()
    flush()
    print("ready", flush=True)
    began = 0.0
    for line in sys.stdin:
        command = line.strip()
        if command == "begin":
            began = time.process_time()
            print("begun", flush=True)
        elif command == "end":
            flush()
            print(time.process_time() - began, flush=True)
        else:
            for _ in range(int(command)):
                request()
            print("done", flush=True)


if __name__ == "__main__":
    main()
