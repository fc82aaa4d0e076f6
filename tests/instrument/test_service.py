"""`spanwise.instrument` in processes of its own: what it does, what each variable does, and what it never does."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.instrument.collector_sink import GARBAGE, HANG, CollectorSink, attributes, free_port
from tests.instrument.conftest import Ran

Run = Callable[..., Ran]

# --- importing


def test_importing_touches_nothing(run: Run) -> None:
    """No socket, no thread, no file that is written, and nothing heavy."""
    found = run(
        """
        import json, os, sys, threading
        events = []
        def hook(name, arguments):
            if name.startswith(("socket.", "subprocess.", "os.fork", "os.posix_spawn", "os.exec", "os.mkdir")):
                events.append(name)
            if name == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
                events.append(f"open {arguments[0]}")
            if name == "_thread.start_new_thread":
                events.append(name)
        sys.dont_write_bytecode = True
        sys.addaudithook(hook)
        import spanwise
        light = sorted({name.partition(".")[0] for name in sys.modules})
        spanwise.instrument, spanwise.counter, spanwise.slo, spanwise.readiness, spanwise.admin
        print(json.dumps([events, threading.active_count(), light]))
        """
    ).json
    events, threads, light = found
    assert events == []
    assert threads == 1
    assert not {"opentelemetry", "prometheus_client", "flask", "requests"} & set(light)


def test_a_name_that_is_not_there() -> None:
    import spanwise

    with pytest.raises(AttributeError, match="module 'spanwise' has no attribute 'nonsense'"):
        spanwise.nonsense  # type: ignore[attr-defined]


# --- the whole stack

FULL = """
import http.client, json, logging, os, sys, threading, time
logging.basicConfig(level=logging.INFO)
from flask import Flask
import requests
import spanwise
from opentelemetry import trace
from waitress import create_server

app = Flask("shop")
instrumentation = spanwise.instrument(app, service="shop", version="1.2", environment="test", owner="team",
                                      collector=os.environ["SINK"], sample_rate=1.0)
orders = spanwise.counter("orders_placed", unit="{order}", description="Orders accepted.")
spanwise.slo("availability", objective=0.99)

@app.get("/orders/<int:order>")
def order(order):
    orders.inc()
    with trace.get_tracer("shop").start_as_current_span("look up"):
        requests.get(os.environ["SINK"] + "/elsewhere?sig=secret", timeout=5)
    return "fine"

server = create_server(app, host="127.0.0.1", port=0, threads=2)
threading.Thread(target=server.run, daemon=True).start()


def get(port, path, **headers):  # by a client that is not instrumented
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path, headers=headers)
    return connection.getresponse().read().decode()

answer = get(server.effective_port, "/orders/7")
deadline = time.monotonic() + 5  # the answer may arrive before the server has closed the body
while "orders" not in str(instrumentation._requests._series) and time.monotonic() < deadline:
    time.sleep(0.01)
flushed = instrumentation.force_flush()
metrics = get(instrumentation.admin.port, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
began = time.monotonic()
instrumentation.shutdown()
took = time.monotonic() - began
print(json.dumps({"answer": answer, "flushed": flushed, "metrics": metrics, "took": took,
                  "instance": instrumentation.identity.instance_id, "admin": instrumentation.admin_url}))
"""


@pytest.fixture
def full(run: Run, sink: CollectorSink) -> Any:
    return run(FULL, SINK=sink.url).json


def test_the_whole_stack(full: Any, sink: CollectorSink) -> None:
    assert (full["answer"], full["flushed"]) == ("fine", True)
    spans = {span.name: span for span in sink.spans()}
    server, inner, client = spans["GET /orders/<int:order>"], spans["look up"], spans["GET"]
    assert (server.parent_span_id, inner.parent_span_id, client.parent_span_id) == (
        b"",
        server.span_id,
        inner.span_id,
    )
    assert len({span.trace_id for span in spans.values()}) == 1
    assert attributes(client)["url.full"].endswith("/elsewhere?sig=REDACTED")
    elsewhere = next(request for request in sink.requests if request.path.startswith("/elsewhere"))
    assert elsewhere.headers["traceparent"] == f"00-{server.trace_id.hex()}-{client.span_id.hex()}-03"

    resource = sink.resources()[0]
    assert resource["service.name"] == "shop"
    assert resource["service.version"] == "1.2"
    assert resource["deployment.environment.name"] == "test"
    assert resource["spanwise.owner"] == "team"
    assert resource["service.instance.id"] == full["instance"]

    lines = full["metrics"].splitlines()
    bucket = next(
        line for line in lines if line.startswith("http_server_request_duration_seconds_bucket") and " # " in line
    )
    assert f'trace_id="{server.trace_id.hex()}"' in bucket
    assert f'span_id="{server.span_id.hex()}"' in bucket
    assert 'http_route="/orders/<int:order>"' in bucket
    assert 'service_name="shop"' in bucket
    for wanted in ("orders_placed_total", "http_client_request_duration_seconds_count", "slo_events_total"):
        assert any(line.startswith(wanted) and 'service_name="shop"' in line for line in lines), wanted

    put = next(request for request in sink.requests if request.method == "PUT")
    assert put.path == f"/api/spanwise/instances/{full['instance']}"
    registered = json.loads(put.body)
    assert registered["admin_url"] == full["admin"]
    assert registered["identity"]["service.name"] == "shop"
    assert "service.instance.id" not in registered["identity"]
    assert any(request.method == "DELETE" for request in sink.requests)
    assert full["took"] < 2.5


# --- faults

ONE_REQUEST = """
import json, logging, os, sys, time
logging.basicConfig(level=logging.INFO, format="%(message)s")
import spanwise
from flask import Flask
app = Flask("x")
app.get("/x", endpoint="x")(lambda: "fine")
instrumentation = spanwise.instrument(app, service="x", sample_rate=1.0)
answers = [app.test_client().get("/x").text for _ in range(3)]
time.sleep(float(os.environ.get("WAIT", "0")))
print(json.dumps([answers, instrumentation.admin_url]))
sys.stdout.flush()
began = time.monotonic()
instrumentation.shutdown()
print(json.dumps([answers, instrumentation.admin_url, time.monotonic() - began]))
"""


@pytest.mark.parametrize("way", ["absent", "hanging", "garbage"])
def test_without_a_collector_that_works_the_service_does(run: Run, sink: CollectorSink, way: str) -> None:
    sink.always = {"hanging": HANG, "garbage": GARBAGE}.get(way, sink.always)
    url = f"http://user:hunter2@127.0.0.1:{free_port()}" if way == "absent" else sink.url
    began = time.monotonic()
    ran = run(ONE_REQUEST, SPANWISE_COLLECTOR_URL=url, WAIT="0.5")
    assert time.monotonic() - began < 15
    answers, _, took = ran.json
    assert answers == ["fine"] * 3
    assert took < 2.5
    lines = [line for line in ran.stderr.splitlines() if "does not take spans" in line]
    assert len(lines) == (0 if way == "hanging" else 1)
    assert "hunter2" not in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_busy_port_is_not_the_service_s_trouble(run: Run) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        ran = run(ONE_REQUEST, SPANWISE_ADMIN_PORT=str(port))
    answers, url, _ = ran.json
    assert answers == ["fine"] * 3
    assert url is None or not url.endswith(f":{port}")
    assert "Traceback" not in ran.stderr
    assert len([line for line in ran.stderr.splitlines() if str(port) in line]) == 1


# (variable, value, what the error says is allowed)
WRONG = [
    ("OTEL_TRACES_SAMPLER", "sometimes", "parentbased_traceidratio"),
    ("OTEL_TRACES_SAMPLER_ARG", "2", "0 to 1"),
    ("OTEL_TRACES_SAMPLER_ARG", "nan", "a number"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "http:// or https://"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip", "gzip, none"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "at least 1"),
    ("OTEL_RESOURCE_ATTRIBUTES", "nonsense", "key=value"),
    ("OTEL_SDK_DISABLED", "maybe", "true or false"),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "long", "a whole number"),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", "-1", "at least 0"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
    ("OTEL_LOG_LEVEL", "loud", "debug"),
    ("OTEL_PROPAGATORS", "tracecontxt", "tracecontext"),
    ("SPANWISE_COLLECTOR_URL", "collector", "http:// or https://"),
    ("SPANWISE_KEEP_SLOWER_THAN", "1", "250ms"),
    ("SPANWISE_ADMIN_PORT", "70000", "0 to 65535"),
]

TRY_EACH = """
import json, os, sys, threading
import spanwise.service as service
for variable, value, _ in json.loads(sys.stdin.read()):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.environ[variable] = value
        try:
            service.instrument(service="x")
            print(json.dumps([variable, "nothing", "", 0]))
        except BaseException as error:
            print(json.dumps([variable, type(error).__name__, str(error), threading.active_count()]))
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_a_wrong_setting_is_one_clear_error(run: Run) -> None:
    ran = run(TRY_EACH, stdin=json.dumps(WRONG))
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(lines) == len(WRONG), ran.stderr
    for (variable, value, allowed), (_, kind, message, threads) in zip(WRONG, lines, strict=True):
        assert kind == "SettingError", (variable, message)
        assert variable in message
        assert value in message
        assert allowed in message
        assert "\n" not in message
        assert threads == 1, variable  # nothing was started


def test_a_secret_is_not_in_the_error(run: Run) -> None:
    ran = run(
        "import spanwise\nspanwise.instrument(service='x')\n", OTEL_EXPORTER_OTLP_HEADERS="Authorization: hunter2"
    )
    assert ran.code != 0
    assert "SettingError" in ran.stderr
    assert "hunter2" not in ran.stderr


# --- each variable has its effect: one process, one fork for each case

CASES = """
import json, os, sys, time
import spanwise.service as service
from flask import Flask
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import REGISTRY

SAMPLED = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "baggage": "user=alice"}
UNSAMPLED = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}

def case(environ, arguments):
    os.environ.update(environ)
    app = Flask("x")
    @app.get("/x")
    def handler():
        with trace.get_tracer("x").start_as_current_span("inner") as span:
            for number in range(20):
                span.set_attribute(f"key {number}", "x" * 20)
        out = instrumentation_client().begin("GET", "http://h.test/?token=secret&sig=secret")
        out.finish(200)
        return json.dumps(out.headers)
    def instrumentation_client():
        import spanwise.http.requests as hook
        import requests.adapters
        return getattr(requests.adapters.HTTPAdapter, hook._MARK).client
    taken = []
    if arguments.pop("function", False):
        arguments["export"] = taken.append
    instrumentation = service.instrument(app, **arguments)
    client = app.test_client()
    answers = {}
    for name, headers in (("root", {}), ("sampled", SAMPLED), ("unsampled", UNSAMPLED)):
        answers[name] = json.loads(client.get("/x", headers=headers).text)
    for _ in range(60):
        client.get("/x").close()
    began = time.monotonic()
    instrumentation.force_flush(5)
    spans = [[s.name, s.trace_state, s.trace_id.hex(), {a.key: a.value.string_value for a in s.attributes}]
             for body in taken for g in ExportTraceServiceRequest.FromString(body).resource_spans
             for i in g.scope_spans for s in i.spans]
    value = REGISTRY.get_sample_value
    return {
        "spans": spans, "answers": answers, "rate": instrumentation.sampling.rate,
        "attributes": dict(instrumentation.identity.attributes),
        "name_source": instrumentation.identity.name_source,
        "requests": value("http_server_request_duration_seconds_count",
                          {"http_request_method": "GET", "http_route": "/x", "http_response_status_code": "200"}),
        "exported": value("otel_sdk_exporter_span_exported_total"),
        "dropped": value("otel_sdk_exporter_span_dropped_total", {"reason": "queue_full"}),
        "requests_taken": len(taken),
    }

import requests
for environ, arguments in json.loads(sys.stdin.read()):
    sys.stdout.flush()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            found = case(environ, arguments)
        except BaseException as error:
            import traceback
            found = {"error": traceback.format_exc()}
        with os.fdopen(writer, "w") as out:
            json.dump(found, out)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    print(text)
"""


def cases(run: Run, *given: tuple[dict[str, str], dict[str, Any]]) -> list[Any]:
    """For each (variables, arguments) what a service came to after 63 requests."""
    full = [[environ, {"service": "x", "function": True, **arguments}] for environ, arguments in given]
    ran = run(CASES, stdin=json.dumps(full))
    assert ran.code == 0, ran.stderr
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(found) == len(given), ran.stderr
    for one in found:
        assert "error" not in one, one["error"]
    return found


def server_spans(found: Any) -> list[Any]:
    return [span for span in found["spans"] if span[0] == "GET /x"]


OUR_TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_samplers(run: Run) -> None:
    """(roots kept by probability, of the sampled caller's, of the unsampled caller's) for each sampler."""
    expected = {
        "always_on": (61, 1, 1),
        "always_off": (0, 0, 0),
        "traceidratio": (61, 1, 1),
        "parentbased_always_on": (61, 1, 0),
        "parentbased_always_off": (0, 1, 0),
        "parentbased_traceidratio": (61, 1, 0),
    }
    given = [({"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": "1"}, {}) for name in expected]
    for name, found in zip(expected, cases(run, *given), strict=True):
        roots = [span for span in server_spans(found) if span[2] != OUR_TRACE]
        callers = [span for span in server_spans(found) if span[2] == OUR_TRACE]
        of_both = expected[name][1] + expected[name][2]
        assert (len(roots), len(callers)) == (expected[name][0], of_both), name
        assert found["requests"] == 63, name


def test_rates(run: Run) -> None:
    half, argument, argument_beats_sampler, none, default = cases(
        run,
        ({"OTEL_TRACES_SAMPLER_ARG": "0.5"}, {}),
        ({"OTEL_TRACES_SAMPLER_ARG": "0"}, {"sample_rate": 1.0}),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, {"sample_rate": 1}),
        ({"OTEL_TRACES_SAMPLER_ARG": "0"}, {}),
        ({}, {}),
    )
    assert half["rate"] == 0.5
    by_chance = [span for span in server_spans(half) if "ot=th:8" in span[1]]
    assert 10 < len(by_chance) < 55
    assert (argument["rate"], argument_beats_sampler["rate"]) == (1.0, 1.0)
    assert len(server_spans(argument_beats_sampler)) == 62
    assert [span[2] for span in server_spans(none)] == [OUR_TRACE]
    assert default["rate"] == 0.1


def test_nothing_is_made_where_nothing_goes_anywhere(run: Run) -> None:
    for found in cases(
        run,
        ({"OTEL_SDK_DISABLED": "true"}, {}),
        ({"OTEL_TRACES_EXPORTER": "none"}, {}),
        ({}, {"function": False}),
    ):
        assert found["spans"] == []
        assert found["exported"] == 0
        assert found["requests"] == 63  # metrics stay


def test_identity_variables(run: Run) -> None:
    attributes_only, name, argument = cases(
        run,
        (
            {"OTEL_RESOURCE_ATTRIBUTES": "service.name=a,service.version=1%2E2,team=x,deployment.environment=prod"},
            {"service": None},
        ),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=a", "OTEL_SERVICE_NAME": "b"}, {"service": None}),
        ({"OTEL_SERVICE_NAME": "b"}, {"service": "c", "environment": "test"}),
    )
    assert attributes_only["attributes"]["service.name"] == "a"
    assert attributes_only["attributes"]["service.version"] == "1.2"
    assert attributes_only["attributes"]["team"] == "x"
    assert attributes_only["attributes"]["deployment.environment.name"] == "prod"
    assert name["attributes"]["service.name"] == "b"
    assert argument["attributes"]["service.name"] == "c"
    assert argument["attributes"]["deployment.environment.name"] == "test"


def test_propagators(run: Run) -> None:
    both, trace_only, none = cases(
        run, ({}, {}), ({"OTEL_PROPAGATORS": "tracecontext"}, {}), ({"OTEL_PROPAGATORS": "none"}, {})
    )
    assert set(both["answers"]["sampled"]) == {"traceparent", "baggage"}
    assert "traceparent" in trace_only["answers"]["sampled"]
    assert none["answers"]["sampled"] == {}
    assert OUR_TRACE in {span[2] for span in both["spans"]}
    assert OUR_TRACE in {span[2] for span in trace_only["spans"]}
    assert OUR_TRACE not in {span[2] for span in none["spans"]}


def test_batches_and_queue(run: Run) -> None:
    small, delayed, tiny = cases(
        run,
        ({"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10"}, {"sample_rate": 1}),
        ({"OTEL_BSP_SCHEDULE_DELAY": "60000"}, {"sample_rate": 1}),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "5", "OTEL_BSP_SCHEDULE_DELAY": "60000"}, {"sample_rate": 1}),
    )
    assert small["requests_taken"] >= 18
    assert delayed["requests_taken"] == 1
    assert tiny["dropped"] > 100
    assert tiny["exported"] < 30


def test_redaction_and_slowness(run: Run) -> None:
    redacted, slow = cases(
        run,
        ({"SPANWISE_REDACT": "token"}, {"sample_rate": 1}),
        ({"SPANWISE_KEEP_SLOWER_THAN": "0s", "OTEL_TRACES_SAMPLER_ARG": "0.000001"}, {}),
    )
    client = next(span for span in redacted["spans"] if span[0] == "GET")
    assert client[3]["url.full"] == "http://h.test/?token=REDACTED&sig=REDACTED"
    assert len([span for span in server_spans(slow) if "kept:slow" in span[1]]) >= 60


def test_where_spans_go(run: Run, sink: CollectorSink) -> None:
    """(the variables, the path that spans are sent to, headers) of one service after the other."""
    base, url = "OTEL_EXPORTER_OTLP_ENDPOINT", sink.url
    given: list[tuple[dict[str, str], str, dict[str, str]]] = [
        ({"SPANWISE_COLLECTOR_URL": f"{url}/one"}, "/one/v1/traces", {"content-encoding": "gzip"}),
        ({base: f"{url}/two/"}, "/two/v1/traces", {}),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{url}/exactly"}, "/exactly", {}),
        ({base: "http://h.invalid", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{url}/beats"}, "/beats", {}),
        (
            {base: f"{url}/plain", "OTEL_EXPORTER_OTLP_COMPRESSION": "none"},
            "/plain/v1/traces",
            {"content-encoding": ""},
        ),
        (
            {
                base: f"{url}/headers",
                "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20general,x-a=1",
                "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-a=2",
            },
            "/headers/v1/traces",
            {"authorization": "Bearer general", "x-a": "2"},
        ),
    ]
    cases(run, *((environ, {"function": False, "sample_rate": 1}) for environ, _, _ in given))
    posts = {request.path: request.headers for request in sink.requests if request.method == "POST"}
    assert set(posts) == {path for _, path, _ in given}
    for _, path, headers in given:
        assert posts[path]["content-type"] == "application/x-protobuf"
        assert {name: posts[path].get(name, "") for name in headers} == headers


def test_the_time_one_request_may_take(run: Run, sink: CollectorSink) -> None:
    sink.always = HANG
    ran = run(ONE_REQUEST, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, OTEL_EXPORTER_OTLP_TIMEOUT="200", WAIT="1.0")
    assert "timed out" in ran.stderr
    assert len(sink.requests) >= 2


# --- once a process

TWICE = """
import json, logging
logging.basicConfig(level=logging.INFO, format="%(message)s")
import spanwise
from flask import Flask
one, two = Flask("one"), Flask("two")
one.get("/x", endpoint="x")(lambda: "one")
first = spanwise.instrument(one, service="x", admin_port=0)
second = spanwise.instrument(one, service="y")
spanwise.instrument(one)
third = spanwise.instrument(two, untraced=["/health"])
two.get("/y", endpoint="y")(lambda: "two")
plain = spanwise.instrument(lambda environ, start_response: [], service="x").app
one.test_client().get("/x").close()
two.test_client().get("/y").close()
from prometheus_client import REGISTRY
count = lambda route: REGISTRY.get_sample_value("http_server_request_duration_seconds_count",
    {"http_request_method": "GET", "http_route": route, "http_response_status_code": "200"})
try:
    spanwise.instrument(5)
except TypeError as error:
    wrong = str(error)
print(json.dumps([first is second is third, first.identity.service_name, count("/x"), count("/y"),
                  type(plain).__name__, spanwise.instrument(plain).app is plain, wrong]))
"""


def test_instrumented_twice(run: Run) -> None:
    ran = run(TWICE)
    same, name, one, two, plain, again, wrong = ran.json
    assert (same, name, one, two) == (True, "x", 1, 1)
    assert (plain, again) == ("WSGIMiddleware", True)
    assert wrong.startswith("spanwise cannot instrument a int: give a Flask")
    assert len(re.findall("already instrumented as 'x'; the name 'y' is ignored", ran.stderr)) == 1


def test_a_derived_name_is_said(run: Run) -> None:
    ran = run("import json, spanwise\nprint(json.dumps(spanwise.instrument().identity.service_name))\n")
    assert ran.json
    assert f"the service is called {ran.json!r}" in ran.stderr
    assert "OTEL_SERVICE_NAME" in ran.stderr


FORK = """
import http.client, json, os, sys
import spanwise
from opentelemetry import trace
instrumentation = spanwise.instrument(service="x", sample_rate=1.0)
tracer = trace.get_tracer("x")
tracer.start_span("parent before").end()
instrumentation.force_flush()
child = os.fork()
if child == 0:
    tracer.start_span("child").end()
    sys.exit(0)
os.waitpid(child, 0)
connection = http.client.HTTPConnection("127.0.0.1", instrumentation.admin.port, timeout=5)
connection.request("GET", "/admin/ping")
answer = connection.getresponse().read().decode()
tracer.start_span("parent after").end()
instrumentation.force_flush()
print(json.dumps(answer))
sys.stdout.flush()
"""


def test_a_forked_child_ends_without_taking_its_parent_along(run: Run, sink: CollectorSink) -> None:
    ran = run(FORK, SPANWISE_COLLECTOR_URL=sink.url)
    assert ran.json == "pong"
    assert sorted(span.name for span in sink.spans()) == ["child", "parent after", "parent before"]
    assert [request.method for request in sink.requests].count("DELETE") == 1


def test_another_tracer_provider_stays_and_is_exported_too(run: Run, sink: CollectorSink) -> None:
    ran = run(
        """
        import json
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        theirs = TracerProvider()
        trace.set_tracer_provider(theirs)
        import spanwise
        instrumentation = spanwise.instrument(service="x")
        trace.get_tracer("x").start_span("theirs").end()
        instrumentation.force_flush()
        instrumentation.shutdown()
        print(json.dumps(trace.get_tracer_provider() is theirs))
        """,
        SPANWISE_COLLECTOR_URL=sink.url,
    )
    assert ran.json is True
    assert [span.name for span in sink.spans()] == ["theirs"]
    assert "another tracer provider" in ran.stderr


def test_what_was_recorded_is_sent_when_the_process_ends(run: Run, sink: CollectorSink) -> None:
    ran = run(
        """
        import spanwise
        from opentelemetry import trace
        spanwise.instrument(service="x", sample_rate=1.0)
        trace.get_tracer("x").start_span("last").end()
        """,
        SPANWISE_COLLECTOR_URL=sink.url,
        OTEL_BSP_SCHEDULE_DELAY="60000",
    )
    assert ran.code == 0, ran.stderr
    assert [span.name for span in sink.spans()] == ["last"]
