"""What every HTTP server integration must do, whatever the framework.

An adapter subclasses `HttpServerContract` and maps `Handlers` to the framework's routes in `make`; that is all. An ASGI
framework replaces `open` too.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry, Counter, Gauge

from spanwise import objectives, standard
from spanwise.http import server
from spanwise.metrics import from_standard
from spanwise.tracing.spans import UnsampledSpan
from tests.instrument.pipeline import Pipeline

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "rojo=1,ot=th:8"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-{SPAN}-00", "tracestate": "rojo=1"}


class Handlers:
    """What the routes of every adapter's application do.

    `/hello/NAME`, `/fail`, `/status/CODE`, `/stream`, `/broken-stream`, `/child`, `/outgoing`, `/baggage`.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.log: list[str] = []

    def hello(self, name: str) -> str:
        return f"hello {name}"

    def fail(self) -> str:
        raise KeyError("boom")

    def stream(self) -> Iterator[bytes]:
        try:
            self.log.append("one")
            yield b"one"
            time.sleep(0.05)
            self.log.append("two")
            yield b"two"
        finally:
            self.log.append("closed")

    def broken_stream(self) -> Iterator[bytes]:
        yield b"one"
        raise KeyError("boom")

    def child(self) -> str:
        with self.pipeline.tracer.start_as_current_span("child"):
            pass
        context = trace.get_current_span().get_span_context()
        return f"{context.trace_id:032x} {context.span_id:016x}"

    def outgoing(self) -> str:
        return json.dumps(self.pipeline.client.begin("GET", "http://other.test/").headers)

    def baggage(self) -> str:
        return json.dumps(dict(baggage.get_all()))


class Exchange:
    """One request at a WSGI application, read as slowly as the test likes."""

    def __init__(self, app: Any, environ: dict[str, Any]) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.exc_info: Any = None
        self.written: list[bytes] = []
        self._body: Iterable[bytes] = app(environ, self._start_response)
        self._iterator = iter(self._body)

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        self.status = int(status[:3])
        self.headers = {name.lower(): value for name, value in headers}
        self.exc_info = exc_info
        return self.written.append

    def chunk(self) -> bytes:
        return next(self._iterator)

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            close()

    def read(self) -> bytes:
        """As a server does: everything, and then `close` whatever happened."""
        try:
            return b"".join(self.written) + b"".join(self._iterator)
        finally:
            self.close()


def environ_of(method: str, path: str, query: str, headers: dict[str, str]) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "10.1.2.3",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "HTTP_HOST": "shop.test:8080",
    }
    for name, value in headers.items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ


class HttpServerContract:
    """`make` gives the instrumented application; the rest says how the framework writes and behaves."""

    hello_route = "/hello/<name>"
    status_route = "/status/<int:code>"
    #: Whether an exception of the application reaches the server, or becomes the framework's 500 page.
    raises = True
    #: Whether HEAD of a GET route is the framework's own doing.
    answers_head = True

    def make(self, pipeline: Pipeline, handlers: Handlers) -> Any:
        raise NotImplementedError

    def open(self, app: Any, method: str, path: str, query: str, headers: dict[str, str]) -> Exchange:
        return Exchange(app, environ_of(method, path, query, headers))

    # --- what tests use

    def service(self, rate: float = 1.0, **more: Any) -> Pipeline:
        pipeline = Pipeline(rate, **more)
        self.pipeline = pipeline
        self.handlers = Handlers(pipeline)
        self.app = self.make(pipeline, self.handlers)
        return pipeline

    def begin(self, path: str, method: str = "GET", query: str = "", **headers: str) -> Exchange:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.open(self.app, method, path, query, named)

    def get(self, path: str, method: str = "GET", query: str = "", **headers: str) -> tuple[int, bytes]:
        exchange = self.begin(path, method, query, **headers)
        body = exchange.read()
        return exchange.status, body

    def fail(self, path: str = "/fail", **headers: str) -> None:
        """A request whose handler raises, however the framework answers it."""
        if self.raises:
            with pytest.raises(KeyError):
                self.get(path, **headers)
        else:
            assert self.get(path, **headers)[0] == 500

    def server_span(self) -> ReadableSpan:
        found = [span for span in self.pipeline.spans if span.kind is SpanKind.SERVER]
        assert len(found) == 1, [span.name for span in found]
        return found[0]

    # --- metrics

    def test_counted_by_method_route_and_status(self) -> None:
        pipeline = self.service(0.0)
        assert self.get("/hello/bob") == (200, b"hello bob")
        assert self.get("/hello/eve") == (200, b"hello eve")
        assert self.get("/status/503")[0] == 503
        assert pipeline.counted() == {
            ("GET", self.hello_route, "200"): 2,
            ("GET", self.status_route, "503"): 1,
        }

    def test_unknown_paths_are_one_series(self) -> None:
        pipeline = self.service(0.0)
        for number in range(200):
            assert self.get(f"/no/such/path-{number}")[0] == 404
        assert pipeline.counted() == {("GET", "", "404"): 200}

    def test_a_scanner_makes_a_series_per_method_and_status_and_then_no_more(self) -> None:
        pipeline = self.service(0.0)
        guess = random.Random(7)  # a seed, so that what failed once fails again
        strange = ("BREW", "get", "PROPFIND", "X" * 100)

        def scan() -> set[tuple[str, ...]]:
            for _ in range(2000):
                path = "/" + "/".join(guess.choices(("admin", "é", "..", "%2e", "x.php", f"{guess.random()}"), k=3))
                self.get(path, guess.choice((*sorted(standard.KNOWN_METHODS), *strange)))
            return set(pipeline.counted())

        first = scan()
        assert {route for _, route, _ in first} == {""}
        assert {method for method, _, _ in first} <= {*standard.KNOWN_METHODS, standard.OTHER_METHOD}
        assert len(first) <= (len(standard.KNOWN_METHODS) + 1) * len({status for _, _, status in first})
        assert len({status for _, _, status in first}) <= 4
        assert scan() == first
        assert sum(pipeline.counted().values()) == 4000
        in_flight = pipeline.samples("http_server_active_requests")
        assert len(in_flight) == len(standard.KNOWN_METHODS) + 1

    def test_unknown_methods_are_one_label(self) -> None:
        pipeline = self.service(1.0)
        for method in ("BREW", "get", "X" * 100):
            self.get("/hello/bob", method)
        assert {key[0] for key in pipeline.counted()} == {"_OTHER"}
        assert sum(pipeline.counted().values()) == 3
        assert {span.attributes["http.request.method"] for span in pipeline.spans} == {"_OTHER"}
        assert all(span.name.split()[0] == "HTTP" for span in pipeline.spans)

    def test_head(self) -> None:
        pipeline = self.service(0.0)
        status, body = self.get("/hello/bob", "HEAD")
        if self.answers_head:
            assert (status, body) == (200, b"")
        assert set(pipeline.counted()) == {("HEAD", self.hello_route, "200")}

    def test_what_raises_is_counted_as_500_and_passed_on(self) -> None:
        pipeline = self.service(0.0)
        self.fail()
        assert pipeline.counted() == {("GET", "/fail", "500"): 1}

    def test_a_body_that_raises_is_a_failure(self) -> None:
        pipeline = self.service(1.0)
        with pytest.raises(KeyError):
            self.get("/broken-stream")
        assert sum(pipeline.counted().values()) == 1
        assert self.server_span().status.status_code is StatusCode.ERROR
        assert [event.name for event in self.server_span().events] == ["exception"]

    def test_time_runs_until_the_body_is_closed(self) -> None:
        pipeline = self.service(1.0)
        assert self.get("/stream")[1] == b"onetwo"
        assert 0.05 <= pipeline.seconds() < 5
        span = self.server_span()
        assert (span.end_time or 0) - (span.start_time or 0) >= 50_000_000

    def test_a_body_is_read_as_slowly_as_the_client_reads(self) -> None:
        self.service(1.0)
        exchange = self.begin("/stream")
        assert exchange.chunk() == b"one"
        assert self.handlers.log == ["one"]
        assert exchange.chunk() == b"two"
        exchange.close()
        assert self.handlers.log == ["one", "two", "closed"]

    def test_an_abandoned_body_is_closed_and_counted_once(self) -> None:
        pipeline = self.service(1.0)
        exchange = self.begin("/stream")
        exchange.chunk()
        assert pipeline.active() == 1
        exchange.close()
        exchange.close()
        assert self.handlers.log == ["one", "closed"]
        assert sum(pipeline.counted().values()) == 1
        assert pipeline.active() == 0

    def test_a_body_dropped_without_a_word_is_counted(self) -> None:
        pipeline = self.service(1.0)
        exchange = self.begin("/stream")
        exchange.chunk()
        del exchange
        gc.collect()
        assert sum(pipeline.counted().values()) == 1
        assert pipeline.active() == 0

    @pytest.mark.parametrize("path", ["/hello/bob", "/fail", "/status/503", "/stream", "/broken-stream", "/none"])
    def test_nothing_stays_active(self, path: str) -> None:
        pipeline = self.service(0.5)
        for _ in range(3):
            with contextlib.suppress(KeyError):
                self.get(path)
        assert pipeline.active() == 0
        assert sum(pipeline.counted().values()) == 3

    # --- context in

    def test_a_sampled_caller(self) -> None:
        pipeline = self.service(0.0)
        self.get("/hello/bob", **SAMPLED)
        span = self.server_span()
        assert f"{span.context.trace_id:032x}" == TRACE
        assert span.parent is not None
        assert (f"{span.parent.span_id:016x}", span.parent.is_remote) == (SPAN, True)
        assert span.context.trace_state.to_header() == "rojo=1,ot=th:8"
        assert span.context.trace_flags.sampled
        assert pipeline.exemplars() == [{"trace_id": TRACE, "span_id": f"{span.context.span_id:016x}"}]

    def test_an_unsampled_caller(self) -> None:
        pipeline = self.service(1.0)
        assert self.get("/child", **UNSAMPLED)[1].split()[0] == TRACE.encode()
        assert pipeline.spans == []
        assert pipeline.exemplars() == []
        assert sum(pipeline.counted().values()) == 1

    @pytest.mark.parametrize(
        "traceparent", ["garbage", f"00-{'0' * 32}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01", "", f"00-{TRACE}-{SPAN}-01-x"]
    )
    def test_an_invalid_caller_is_none(self, traceparent: str) -> None:
        self.service(1.0)
        self.get("/hello/bob", traceparent=traceparent, tracestate="rojo=1")
        span = self.server_span()
        assert span.parent is None
        assert f"{span.context.trace_id:032x}" != TRACE
        assert span.context.trace_state.to_header() == "ot=th:0"

    def test_hostile_headers_harm_nobody(self, said: list[str], caplog: pytest.LogCaptureFixture) -> None:
        pipeline = self.service(1.0)
        hostile = {
            "host": "shop.test:\xb2",
            "traceparent": f"00-{TRACE}-{SPAN}-01",
            "tracestate": "a=1,A=2,=,,\xff",
            "baggage": "a=b,=,%zz,\xff=1" + ",x=y" * 300,
            "user_agent": "\xff" * 100,
        }
        with caplog.at_level(logging.DEBUG, logger="opentelemetry"):
            for host in (hostile["host"], f"x:{'9' * 5000}", "", "[::1", ":::"):
                self.get("/hello/bob", **{**hostile, "host": host})
        assert sum(pipeline.counted().values()) == 5
        assert len(pipeline.spans) == 5
        assert said == []

    def test_without_parent_based_sampling_every_service_decides_alike(self) -> None:
        pipeline = self.service(1.0, parent_based=False)
        self.get("/hello/bob", **UNSAMPLED)
        span = self.server_span()
        assert f"{span.context.trace_id:032x}" == TRACE
        assert span.context.trace_state.to_header() == "ot=th:0,rojo=1"
        assert pipeline.exemplars()

    def test_baggage_comes_in(self) -> None:
        self.service(0.0)
        assert json.loads(self.get("/baggage", baggage="user=alice,plan=gold%20plus")[1]) == {
            "user": "alice",
            "plan": "gold plus",
        }
        assert json.loads(self.get("/baggage")[1]) == {}

    # --- context out

    @pytest.mark.parametrize("headers", [{}, SAMPLED])
    def test_children_of_a_sampled_request(self, headers: dict[str, str]) -> None:
        pipeline = self.service(1.0)
        body = self.get("/child", **headers)[1].decode()
        child, parent = pipeline.spans
        assert (child.name, parent.kind) == ("child", SpanKind.SERVER)
        assert child.parent is not None
        assert child.parent.span_id == parent.context.span_id
        assert child.context.trace_id == parent.context.trace_id
        assert body == f"{parent.context.trace_id:032x} {parent.context.span_id:016x}"
        assert child.context.trace_state == parent.context.trace_state

    def test_children_of_an_unsampled_request_are_not_recorded(self) -> None:
        pipeline = self.service(0.0)
        trace_id, span_id = self.get("/child")[1].decode().split()
        assert int(trace_id, 16)
        assert int(span_id, 16)
        assert pipeline.spans == []

    def test_calls_out_of_a_sampled_request(self) -> None:
        self.service(1.0)
        out = json.loads(self.get("/outgoing", baggage="user=alice", **SAMPLED)[1])
        version, trace_id, span_id, flags = out["traceparent"].split("-")
        assert (version, trace_id, flags) == ("00", TRACE, "01")
        assert span_id != SPAN
        assert out["tracestate"] == "rojo=1,ot=th:8"
        assert out["baggage"] == "user=alice"

    def test_calls_out_of_an_unsampled_request(self) -> None:
        self.service(1.0)
        out = json.loads(self.get("/outgoing", **UNSAMPLED)[1])
        assert out["traceparent"].split("-")[1::2] == [TRACE, "00"]
        assert out["traceparent"].split("-")[2] != SPAN
        assert out["tracestate"] == "rojo=1"

    def test_nothing_leaks_from_one_request_into_the_next(self) -> None:
        pipeline = self.service(1.0)
        before = trace.get_current_span()
        assert not before.get_span_context().is_valid
        for path in ("/hello/a", "/stream", "/child", "/fail", "/broken-stream"):
            with contextlib.suppress(KeyError):
                self.get(path, baggage="user=alice")
            assert trace.get_current_span() is before, path
            assert baggage.get_all() == {}, path
        abandoned = self.begin("/stream")
        abandoned.chunk()
        abandoned.close()
        assert trace.get_current_span() is before
        roots = [span.context.trace_id for span in pipeline.spans if span.parent is None]
        assert len(roots) == len(set(roots)) == 6

    def test_a_request_inside_of_another_one_gives_the_context_back(self) -> None:
        pipeline = self.service(1.0)
        outer = self.begin("/stream")
        outer.chunk()
        current = trace.get_current_span()
        self.get("/hello/inner")
        assert trace.get_current_span() is current
        outer.read()
        assert not trace.get_current_span().get_span_context().is_valid
        assert len(pipeline.spans) == 2

    def test_a_body_closed_in_another_thread(self) -> None:
        pipeline = self.service(1.0)
        exchange = self.begin("/stream")
        exchange.chunk()
        with ThreadPoolExecutor(1) as other:
            other.submit(exchange.read).result(5)
            assert not other.submit(trace.get_current_span).result(5).get_span_context().is_valid
        assert sum(pipeline.counted().values()) == 1
        assert pipeline.active() == 0

    # --- what is kept beside the sampling rate

    def kept(self) -> list[tuple[str, str]]:
        return [(span.name, span.context.trace_state.get("spanwise", "")) for span in self.pipeline.spans]

    def test_the_first_requests_of_a_young_service_are_whole_traces(self) -> None:
        self.service(1e-9)
        self.get("/child")
        assert self.kept() == [("child", "kept:first"), ("GET /child", "kept:first")]
        assert "ot" not in self.pipeline.spans[0].context.trace_state
        self.pipeline.spans.clear()
        self.get("/child")
        assert self.kept() == []

    def test_a_scanner_cannot_make_all_traces_whole(self) -> None:
        self.service(1e-9)
        for number in range(300):
            self.get(f"/none/{number}")
        assert len(self.pipeline.spans) <= 51

    def test_one_a_minute_leaves_its_local_span(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = [1000.0]
        monkeypatch.setattr(server, "perf_counter", lambda: clock[0])
        pipeline = self.service(1e-9)
        self.get("/child")
        pipeline.spans.clear()
        pipeline.server._first_paths.add("/child")
        for second in range(0, 200, 10):
            clock[0] = 1000.0 + second
            self.get("/child")
        assert self.kept() == [("GET /child", "kept:first")] * 3
        assert sum(pipeline.counted().values()) == 21

    def test_failures_leave_their_local_span(self) -> None:
        pipeline = self.service(1e-9)
        self.fail()
        self.get("/status/503")
        pipeline.spans.clear()
        self.fail()
        self.get("/status/503")
        assert [state for _, state in self.kept()] == ["kept:error", "kept:error"]
        raised, answered = pipeline.spans
        assert raised.attributes["error.type"] == "KeyError"
        assert [event.name for event in raised.events] == ["exception"]
        assert answered.attributes["error.type"] == "503"
        assert all(span.status.status_code is StatusCode.ERROR for span in pipeline.spans)

    def test_a_kept_failure_is_the_span_its_children_and_callees_were_told(self) -> None:
        pipeline = self.service(0.5, slower_than_s=0.0)
        seen = self.get("/child", **UNSAMPLED)[1].decode()
        span = self.server_span()
        assert seen == f"{span.context.trace_id:032x} {span.context.span_id:016x}"
        assert span.context.trace_state.to_header() == "spanwise=kept:slow,rojo=1"
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == SPAN
        assert pipeline.exemplars()[0]["trace_id"] == TRACE

    def test_slow_ones_leave_their_local_span(self) -> None:
        pipeline = self.service(1e-9, slower_than_s=0.03)
        self.get("/stream")
        self.get("/hello/bob")
        pipeline.spans.clear()
        self.get("/hello/bob")
        self.get("/stream")
        assert self.kept() == [("GET /stream", "kept:slow")]
        span = pipeline.span
        assert (span.end_time or 0) - (span.start_time or 0) >= 45_000_000

    def test_an_unsampled_caller_s_first_requests_are_not_ours_to_keep(self) -> None:
        self.service(0.5)
        self.get("/hello/bob", **UNSAMPLED)
        assert self.kept() == []

    def test_at_rate_zero_nothing_is_first(self) -> None:
        self.service(0.0)
        self.get("/hello/bob")
        assert self.kept() == []

    # --- untraced

    def test_untraced_paths_are_counted_and_leave_no_span(self) -> None:
        pipeline = self.service(1.0, untraced=("/child", "/fail", "/outgoing"), slower_than_s=0.0)
        self.get("/child")
        self.get("/child", **SAMPLED)
        self.fail()
        assert pipeline.spans == []
        assert pipeline.exemplars() == []
        assert sum(pipeline.counted().values()) == 3
        assert pipeline.active() == 0
        assert int(json.loads(self.get("/outgoing")[1])["traceparent"][-2:], 16) & 1 == 0
        self.get("/hello/bob")
        assert len(pipeline.spans) == 1

    # --- spans

    def test_a_span_says_what_the_conventions_ask_for(self) -> None:
        self.service(1.0)
        self.get("/hello/bob", query="a=1&sig=secret", user_agent="test/1")
        span = self.server_span()
        assert span.name == f"GET {self.hello_route}"
        assert dict(span.attributes) == {
            "http.request.method": "GET",
            "http.route": self.hello_route,
            "http.response.status_code": 200,
            "url.scheme": "http",
            "url.path": "/hello/bob",
            "url.query": "a=1&sig=REDACTED",
            "server.address": "shop.test",
            "server.port": 8080,
            "client.address": "10.1.2.3",
            "network.protocol.version": "1.1",
            "user_agent.original": "test/1",
        }
        assert span.status.status_code is StatusCode.UNSET

    def test_further_secrets_of_the_query(self) -> None:
        self.service(1.0, redact=("token",))
        self.get("/hello/bob", query="Token=secret")
        assert self.server_span().attributes["url.query"] == "Token=REDACTED"

    def test_a_path_is_text(self) -> None:
        self.service(1.0)
        self.get("/hello/größe")
        assert self.server_span().attributes["url.path"] == "/hello/größe"

    def test_client_errors_are_not_the_server_s(self) -> None:
        self.service(1.0)
        self.get("/none")
        span = self.server_span()
        assert span.status.status_code is StatusCode.UNSET
        assert "error.type" not in span.attributes
        assert span.name == "GET"

    def test_what_raises_is_recorded_once(self) -> None:
        self.service(1.0)
        self.fail()
        span = self.server_span()
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes["error.type"] == "KeyError"
        assert span.attributes["http.response.status_code"] == 500
        assert [event.name for event in span.events] == ["exception"]
        assert "boom" in str(span.events[0].attributes)

    # --- exemplars

    def test_exemplars_on_sampled_requests_only(self) -> None:
        pipeline = self.service(0.0)
        self.get("/hello/bob")
        assert pipeline.exemplars() == []
        pipeline.sampling.set_rate(1.0)
        self.get("/hello/bob")
        assert [exemplar["trace_id"] for exemplar in pipeline.exemplars()] == [
            f"{self.server_span().context.trace_id:032x}"
        ]

    # --- SLOs

    @pytest.fixture
    def slos(self, monkeypatch: pytest.MonkeyPatch) -> CollectorRegistry:
        registry = CollectorRegistry()
        events = from_standard(Counter, standard.SLO_EVENTS, registry)
        targets = from_standard(Gauge, standard.SLO_OBJECTIVE, registry)
        monkeypatch.setattr(objectives, "_events", lambda: events)
        monkeypatch.setattr(objectives, "_targets", lambda: targets)
        monkeypatch.setattr(objectives, "_objectives", {})
        monkeypatch.setattr(objectives, "_listeners", [])
        return registry

    @staticmethod
    def events(registry: CollectorRegistry, name: str) -> tuple[float, ...]:
        return tuple(
            registry.get_sample_value("slo_events_total", {"slo": name, "outcome": outcome}) or 0.0
            for outcome in ("good", "bad")
        )

    def test_slos_count_failures_and_latency(self, slos: CollectorRegistry) -> None:
        pipeline = self.service(0.0)
        objectives.when_declared(pipeline.server.forget_objectives)
        self.get("/stream")  # before any is declared
        objectives.slo("available", objective=0.99)
        objectives.slo("quick", objective=0.99, route="/stream", latency=0.03)
        self.get("/stream")
        self.get("/hello/bob")
        self.get("/status/503")
        self.get("/none")
        self.fail()
        assert self.events(slos, "available") == (3, 2)
        assert self.events(slos, "quick") == (0, 1)

    # --- robustness

    def test_a_fault_of_ours_does_not_become_the_service_s(
        self, said: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pipeline = self.service(1.0)

        def broken(*_: Any) -> None:
            raise RuntimeError("a third party's processor")

        monkeypatch.setattr(pipeline.memory, "on_start", broken)
        assert self.get("/hello/bob") == (200, b"hello bob")
        monkeypatch.undo()
        monkeypatch.setattr(pipeline.memory, "on_end", broken)
        assert self.get("/hello/bob") == (200, b"hello bob")
        assert pipeline.active() == 0
        assert sum(pipeline.counted().values()) == 2
        assert len(said) == 2
        assert not trace.get_current_span().get_span_context().is_valid

    # --- other propagators

    @pytest.mark.parametrize("propagators", ["tracecontext", "none", "tracecontext,baggage"])
    def test_configured_propagators(self, propagators: str, monkeypatch: pytest.MonkeyPatch) -> None:
        parts = {"tracecontext": TraceContextTextMapPropagator(), "baggage": W3CBaggagePropagator()}
        chosen = [parts[name] for name in propagators.split(",") if name in parts]
        monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", CompositePropagator(chosen))
        self.service(0.0, w3c_only=False)
        headers = {**SAMPLED, "baggage": "user=alice"}
        out = json.loads(self.get("/outgoing", **headers)[1])
        assert ("traceparent" in out) == ("tracecontext" in propagators)
        assert ("baggage" in out) == ("baggage" in propagators)
        followed = [span for span in self.pipeline.spans if f"{span.context.trace_id:032x}" == TRACE]
        assert bool(followed) == ("tracecontext" in propagators)

    def test_the_current_span_of_an_unsampled_request_is_a_span(self) -> None:
        self.service(0.0)
        exchange = self.begin("/stream")
        exchange.chunk()
        assert type(trace.get_current_span()) is UnsampledSpan
        exchange.read()
