"""Every variable of OpenTelemetry's specification: a row with an effect, or one of those that are named as without."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import opentelemetry.environment_variables as of_the_api
import opentelemetry.sdk.environment_variables as of_the_sdk
import pytest

from spanwise.configuration import INSTRUMENT_SETTINGS
from spanwise.otel_variables import WITHOUT_EFFECT, without_effect
from tests.instrument.collector_sink import HANG, CollectorSink, attributes, until
from tests.instrument.conftest import Ran

Run = Callable[..., Ran]
ROWS = {row.variable for row in INSTRUMENT_SETTINGS}
# Those that the installed SDK lists, and those of the specification that it does not.
SPECIFIED = {name for module in (of_the_api, of_the_sdk) for name in vars(module) if name.startswith("OTEL_")} | {
    "OTEL_ENTITIES",
    "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS",
    "OTEL_SEMCONV_STABILITY_OPT_IN",
}
# Read by the SDK itself, or of use to its own extensions alone.
READ_BY_THE_SDK = {name for name in SPECIFIED if name.startswith("OTEL_PYTHON_")} | {
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS"
}


@pytest.mark.parametrize("name", sorted(SPECIFIED))
def test_each_is_honoured_or_named(name: str) -> None:
    named = without_effect({name: "x"}, ROWS)
    if name in ROWS:
        assert named == []
    elif name not in READ_BY_THE_SDK:
        assert named[0].startswith(f"{name} (")
        assert "no variable of that name" not in named[0]


def test_only_what_is_set_is_named() -> None:
    environ = {"OTEL_LOGS_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": " ", "OTEL_SERVICE_NAME": "x", "OTHER": "x"}
    assert without_effect(environ, ROWS) == ["OTEL_LOGS_EXPORTER (logs are not sent, only correlated)"]
    assert without_effect({"OTEL_TRACE_SAMPLER": "always_on"}, ROWS) == [
        "OTEL_TRACE_SAMPLER (no variable of that name is known)"
    ]


def test_no_row_is_also_named_as_without_effect() -> None:
    assert [name for name in ROWS if without_effect({name: "x"}, ())[:1] and name in WITHOUT_EFFECT] == []


# --- effects

ONE_SPAN = """
import json, logging
logging.basicConfig(level=logging.INFO, format="%(message)s")
import spanwise
from flask import Flask
from opentelemetry import trace
app = Flask("x")
app.get("/x", endpoint="x")(lambda: "fine")
instrumentation = spanwise.instrument(app, service="x", sample_rate=1.0)
with trace.get_tracer("x").start_as_current_span("inner") as span:
    for number in range(6):
        span.set_attribute(f"key {number}", "x" * 20)
        span.add_event(f"event {number}", {"one": "y" * 20, "two": 2, "three": 3})
        span.add_link(span.get_span_context(), {"one": "y" * 20, "two": 2, "three": 3})
with spanwise.span("ours", a="x" * 20, b="y") as span:
    span.add_event("event", {"one": "y" * 20, "two": 2, "three": 3})
assert app.test_client().get("/x", headers={"User-Agent": "z" * 50}).text == "fine"
instrumentation.force_flush()
print(json.dumps(dict(instrumentation.tracer_provider.resource.attributes), default=str))
"""


def spans_with(run: Run, sink: CollectorSink, **environ: str) -> dict[str, Any]:
    ran = run(ONE_SPAN, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, **environ)
    assert ran.code == 0, ran.stderr
    return {span.name: span for span in sink.spans()}


def test_counts(run: Run, sink: CollectorSink) -> None:
    limits = {
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "4",
        "OTEL_SPAN_EVENT_COUNT_LIMIT": "3",
        "OTEL_SPAN_LINK_COUNT_LIMIT": "2",
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "1",
        "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": "2",
    }
    inner = spans_with(run, sink, **limits)["inner"]
    assert (len(inner.attributes), inner.dropped_attributes_count) == (4, 2)
    assert (len(inner.events), inner.dropped_events_count) == (3, 3)
    assert (len(inner.links), inner.dropped_links_count) == (2, 4)
    assert {(len(event.attributes), event.dropped_attributes_count) for event in inner.events} == {(1, 2)}
    assert {(len(link.attributes), link.dropped_attributes_count) for link in inner.links} == {(2, 1)}


def test_the_general_count(run: Run, sink: CollectorSink) -> None:
    inner = spans_with(run, sink, OTEL_ATTRIBUTE_COUNT_LIMIT="2")["inner"]
    assert len(inner.attributes) == 2
    assert {len(event.attributes) for event in inner.events} == {2}


@pytest.mark.parametrize("name", ["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"])
def test_lengths_of_every_span(run: Run, sink: CollectorSink, name: str) -> None:
    spans = spans_with(run, sink, **{name: "5"})
    for span in spans.values():
        texts = [value for value in attributes(span).values() if isinstance(value, str)]
        assert texts, span.name
        assert max(map(len, texts)) <= 5, span.name
    of_events = {len(attributes(event)["one"]) for event in spans["inner"].events}
    assert of_events == ({5} if name == "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT" else {20})


def test_resource_detectors(run: Run, sink: CollectorSink) -> None:
    ran = run(ONE_SPAN, OTEL_EXPERIMENTAL_RESOURCE_DETECTORS="otel,os", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
    assert ran.json["os.type"] == "linux"
    assert sink.resources()[0]["os.type"] == "linux"


def test_time_and_compression_of_spans_alone(run: Run, sink: CollectorSink) -> None:
    spans_with(run, sink, OTEL_EXPORTER_OTLP_TRACES_COMPRESSION="none")
    assert "content-encoding" not in sink.exports[0].headers
    sink.always = HANG
    ran = run(ONE_SPAN, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="100")
    assert "timed out" in ran.stderr


def test_how_long_a_batch_is_tried(run: Run) -> None:
    ran = run(
        """
        import json, time, spanwise
        from opentelemetry import trace
        from prometheus_client import REGISTRY
        instrumentation = spanwise.instrument(service="x", sample_rate=1.0)
        trace.get_tracer("x").start_span("one").end()
        assert instrumentation.force_flush(20)
        print(json.dumps(REGISTRY.get_sample_value("otel_sdk_exporter_span_dropped_total", {"reason": "timeout"})))
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        OTEL_BSP_EXPORT_TIMEOUT="300",
    )
    assert ran.json == 1


@pytest.mark.parametrize(("level", "said"), [("error", False), ("INFO", True)])
def test_log_level(run: Run, sink: CollectorSink, level: str, said: bool) -> None:
    ran = run(ONE_SPAN, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, OTEL_LOG_LEVEL=level)
    assert ("x is instrumented" in ran.stderr) == said


def test_what_is_set_in_vain_is_one_line(run: Run, sink: CollectorSink) -> None:
    ran = run(
        ONE_SPAN, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, OTEL_LOGS_EXPORTER="otlp", OTEL_EXPORTER_OTLP_INSECURE="true"
    )
    (line,) = [line for line in ran.stderr.splitlines() if "no effect" in line]
    assert "OTEL_LOGS_EXPORTER (logs are not sent" in line
    assert "OTEL_EXPORTER_OTLP_INSECURE (spans are sent by HTTP" in line


# --- certificates


@pytest.fixture
def over_tls(certificate: tuple[str, str]) -> Any:
    """A collector that asks for our certificate too; the URL and the paths it was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate[0])
    context.load_cert_chain(*certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}", paths
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("alone", ["", "TRACES_"])
def test_certificates(run: Run, over_tls: tuple[str, list[str]], certificate: tuple[str, str], alone: str) -> None:
    url, paths = over_tls
    given = {
        f"OTEL_EXPORTER_OTLP_{alone}CERTIFICATE": certificate[0],
        f"OTEL_EXPORTER_OTLP_{alone}CLIENT_CERTIFICATE": certificate[0],
        f"OTEL_EXPORTER_OTLP_{alone}CLIENT_KEY": certificate[1],
    }
    assert run(ONE_SPAN, OTEL_EXPORTER_OTLP_ENDPOINT=url, **given).code == 0
    assert until(lambda: paths) == ["/v1/traces"]


def test_a_stranger_s_certificate_is_not_trusted(run: Run, over_tls: tuple[str, list[str]]) -> None:
    url, paths = over_tls
    ran = run(ONE_SPAN, OTEL_EXPORTER_OTLP_ENDPOINT=url)
    assert "CERTIFICATE_VERIFY_FAILED" in ran.stderr
    assert paths == []


def test_a_key_without_its_certificate(run: Run, certificate: tuple[str, str]) -> None:
    ran = run(ONE_SPAN, OTEL_EXPORTER_OTLP_ENDPOINT="https://h", OTEL_EXPORTER_OTLP_CLIENT_KEY=certificate[1])
    assert "SettingError: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is not set" in ran.stderr


def test_a_certificate_that_is_not_there(run: Run) -> None:
    ran = run(ONE_SPAN, OTEL_EXPORTER_OTLP_ENDPOINT="https://h", OTEL_EXPORTER_OTLP_CERTIFICATE="/none.pem")
    assert "CLIENT_KEY cannot be used: No such file or directory (/none.pem)." in ran.stderr
