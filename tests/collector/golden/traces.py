"""The golden set: each trace is one hazard, as the OTLP requests that bring it.

Ids are the same in every run; times are relative to `now_ns`, ten minutes back, so that every default window has them.
What an API must answer is not here: it is written in that API's tests, from its contract.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.collector.otlp_requests import SECOND, fill_attributes, request, span

MS = 10**6
AGE_NS = 600 * SECOND
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
LARGE_SPANS = 100_000
_LARGE_REQUEST_SPANS = 10_000


@dataclass(frozen=True)
class GoldenTrace:
    """`services` in the order of their first spans; `spans` is how many are stored."""

    name: str
    trace_id: str
    services: tuple[str, ...]
    spans: int
    requests: tuple[bytes, ...]


def trace_id(name: str) -> str:
    return hashlib.sha256(f"golden {name}".encode()).hexdigest()[:32]


def span_id(name: str) -> str:
    return hashlib.sha256(f"golden span {name}".encode()).hexdigest()[:16]


def service(name: str) -> str:
    return f"golden-{name}"


TYPED: Mapping[str, Any] = {
    "yes": True,
    "no": False,
    "half": 0.5,
    "whole": 1.0,
    "huge": 1e300,
    "nan": float("nan"),
    "infinite": float("inf"),
    "one": 1,
    "greatest": 2**63 - 1,
    "least": -(2**63),
    "text": "été ☃ 'quoted' \"twice\" \\ back",
    "looks.true": "true",
    "looks.number": "12",
    "nothing": "",
    "blob": b"\x00\xff",
    "list": [1, "a", True],
    "map": {"inner": 2.5},
    "unset": None,
}
ODD_KEYS: Mapping[str, Any] = {"path/with/slash": "v/1", "with space": "v 2", 'quo"te': "v3", "schön": "v4"}


def golden_traces(now_ns: int) -> dict[str, GoldenTrace]:
    """By name; all but the large one."""
    at = now_ns - AGE_NS
    makers = (
        _plain, _rootless, _bare, _typed, _odd_keys, _short_id, _duplicates, _shared, _skewed, _backwards, _async,
        _failed, _nameless,
    )  # fmt: skip
    return {made.name: made for maker in makers for made in maker(at)}


def empty_requests() -> tuple[bytes, ...]:
    """Requests without a single span: nothing may come of them, least of all a trace without spans."""
    no_scope, no_spans = ExportTraceServiceRequest(), ExportTraceServiceRequest()
    fill_attributes(no_scope.resource_spans.add().resource.attributes, {"service.name": service("empty")})
    no_spans.resource_spans.add().scope_spans.add().scope.name = "empty"
    return (b"", no_scope.SerializeToString(), no_spans.SerializeToString())


def large_trace(now_ns: int, spans: int = LARGE_SPANS) -> GoldenTrace:
    """A root, a thousand children and their children, in ten services."""
    at, ids = now_ns - AGE_NS, trace_id("large")
    names = tuple(service(f"large-{number}") for number in range(10))

    def made(number: int) -> Span:
        parent = "" if number == 0 else f"{1 if number <= 1000 else 2 + number % 1000:016x}"
        return span(
            trace_id=ids, span_id=f"{number + 1:016x}", parent=parent, name=f"step {number % 100}", kind=INTERNAL,
            start_ns=at + number * 1000, duration_ns=10 * SECOND if number == 0 else MS, attributes={"number": number},
        )  # fmt: skip

    def requests() -> Iterator[bytes]:
        for first in range(0, spans, _LARGE_REQUEST_SPANS):
            chunk = [made(number) for number in range(first, min(first + _LARGE_REQUEST_SPANS, spans))]
            yield request(*chunk, service=names[first // _LARGE_REQUEST_SPANS % len(names)]).SerializeToString()

    return GoldenTrace("large", ids, names[: -(-spans // _LARGE_REQUEST_SPANS)], spans, tuple(requests()))


def _trace(name: str, *requests: ExportTraceServiceRequest, spans: int, of: str = "") -> GoldenTrace:
    services = [
        attribute.value.string_value
        for one in requests
        for resource_spans in one.resource_spans
        for attribute in resource_spans.resource.attributes
        if attribute.key == "service.name"
    ]
    bodies = tuple(one.SerializeToString() for one in requests)
    return GoldenTrace(name, of or trace_id(name), tuple(dict.fromkeys(services)), spans, bodies)


def _plain(at: int) -> Iterator[GoldenTrace]:
    """A page calls a shop, which asks a database: what most traces are."""
    ids = trace_id("plain")
    root, call, work = span_id("plain root"), span_id("plain call"), span_id("plain work")
    page = request(
        span(trace_id=ids, span_id=root, name="GET /cart", start_ns=at, duration_ns=500 * MS, trace_state="ot=th:e6"),
        span(trace_id=ids, span_id=call, parent=root, name="GET", kind=CLIENT, start_ns=at + 10 * MS,
             duration_ns=300 * MS, trace_state="ot=th:e6", attributes={"http.request.method": "GET"}),
        service=service("page"), resource={"host.name": "host-1"},
    )  # fmt: skip
    shop = request(
        span(trace_id=ids, span_id=work, parent=call, name="GET /items", start_ns=at + 20 * MS, duration_ns=200 * MS,
             trace_state="ot=th:e6", attributes={"http.response.status_code": 200}),
        span(trace_id=ids, span_id=span_id("plain query"), parent=work, name="SELECT items", kind=CLIENT,
             start_ns=at + 30 * MS, duration_ns=50 * MS, trace_state="ot=th:e6",
             attributes={"db.system.name": "postgresql", "peer.service": service("postgres")}),
        service=service("shop"),
    )  # fmt: skip
    yield _trace("plain", page, shop, spans=4)


def _rootless(at: int) -> Iterator[GoldenTrace]:
    """The root never came: two spans whose parent is missing."""
    ids, missing = trace_id("rootless"), span_id("rootless missing")
    spans = [
        span(trace_id=ids, span_id=span_id(f"rootless {n}"), parent=missing, name=f"orphan {n}", start_ns=at + n * MS)
        for n in (1, 2)
    ]
    yield _trace("rootless", request(*spans, service=service("rootless")), spans=2)


def _bare(at: int) -> Iterator[GoldenTrace]:
    """No scope, no status, no attributes, and a resource without any."""
    message = ExportTraceServiceRequest()
    message.resource_spans.add().scope_spans.add().spans.append(
        Span(
            trace_id=bytes.fromhex(trace_id("bare")),
            span_id=bytes.fromhex(span_id("bare")),
            name="bare",
            start_time_unix_nano=at,
            end_time_unix_nano=at + MS,
        )
    )
    yield GoldenTrace("bare", trace_id("bare"), ("unknown_service",), 1, (message.SerializeToString(),))


def _typed(at: int) -> Iterator[GoldenTrace]:
    """Every type of attribute, on the span, its resource, its event and its link."""
    one = span(trace_id=trace_id("typed"), span_id=span_id("typed"), name="typed", start_ns=at, attributes=TYPED)
    event = one.events.add(name="typed event", time_unix_nano=at + 5000)
    fill_attributes(event.attributes, TYPED)
    link = one.links.add(trace_id=bytes.fromhex(trace_id("plain")), span_id=bytes.fromhex(span_id("plain root")))
    fill_attributes(link.attributes, TYPED)
    sent = request(one, service=service("typed"), resource={"replicas": 3, "ratio": 0.25, "canary": True})
    yield _trace("typed", sent, spans=1)


def _odd_keys(at: int) -> Iterator[GoldenTrace]:
    one = span(trace_id=trace_id("odd-keys"), name="GET /a/b?c", start_ns=at, attributes=ODD_KEYS)
    yield _trace("odd-keys", request(one, service=service("odd/keys")), spans=1)


def _short_id(at: int) -> Iterator[GoldenTrace]:
    """A trace id of 64 bits, padded with zeros as OpenTelemetry has it."""
    ids = "0" * 16 + trace_id("short-id")[:16]
    yield _trace("short-id", request(span(trace_id=ids, name="short", start_ns=at), service=service("short")),
                 spans=1, of=ids)  # fmt: skip


def _duplicates(at: int) -> Iterator[GoldenTrace]:
    """Two spans of one id that are not the same, and a child that names that id as its parent."""
    ids, twice = trace_id("duplicates"), span_id("duplicates")
    spans = [
        span(trace_id=ids, span_id=twice, name="first", start_ns=at, duration_ns=20 * MS),
        span(trace_id=ids, span_id=twice, name="second", kind=INTERNAL, start_ns=at + MS, duration_ns=10 * MS),
        span(trace_id=ids, span_id=span_id("duplicates child"), parent=twice, name="child", start_ns=at + 2 * MS),
    ]
    yield _trace("duplicates", request(*spans, service=service("duplicates")), spans=3)


def _shared(at: int) -> Iterator[GoldenTrace]:
    """Client and server that share one span id, as Zipkin's clients send them."""
    ids, both = trace_id("shared"), span_id("shared")
    caller = span(trace_id=ids, span_id=both, name="get", kind=CLIENT, start_ns=at, duration_ns=9 * MS)
    callee = span(trace_id=ids, span_id=both, name="get", start_ns=at + MS, attributes={"zipkin.shared": True})
    yield _trace("shared", request(caller, service=service("caller")), request(callee, service=service("callee")),
                 spans=2)  # fmt: skip


def _skewed(at: int) -> Iterator[GoldenTrace]:
    """The callee's clock is five seconds slow: it seems to start before it was called."""
    ids, call = trace_id("skewed"), span_id("skewed call")
    caller = span(trace_id=ids, span_id=call, name="call", kind=CLIENT, start_ns=at, duration_ns=100 * MS)
    callee = span(trace_id=ids, span_id=span_id("skewed work"), parent=call, name="work", start_ns=at - 5 * SECOND,
                  duration_ns=80 * MS)  # fmt: skip
    yield _trace("skewed", request(caller, service=service("on-time")), request(callee, service=service("slow-clock")),
                 spans=2)  # fmt: skip


def _backwards(at: int) -> Iterator[GoldenTrace]:
    """A clock that was set back while a span ran: its end is before its start."""
    one = span(trace_id=trace_id("backwards"), span_id=span_id("backwards"), name="set back", start_ns=at,
               duration_ns=-SECOND)  # fmt: skip
    yield _trace("backwards", request(one, service=service("backwards")), spans=1)


def _async(at: int) -> Iterator[GoldenTrace]:
    """A message: its consumer begins after its producer, and after the request that sent it, has ended."""
    ids, root, sent = trace_id("async"), span_id("async root"), span_id("async sent")
    order = span(trace_id=ids, span_id=root, name="POST /orders", start_ns=at, duration_ns=20 * MS)
    publish = span(trace_id=ids, span_id=sent, parent=root, name="send orders", kind=PRODUCER, start_ns=at + 10 * MS,
                   duration_ns=MS, attributes={"messaging.system": "kafka"})  # fmt: skip
    consume = span(trace_id=ids, span_id=span_id("async work"), parent=sent, name="process orders", kind=CONSUMER,
                   start_ns=at + 2 * SECOND, duration_ns=30 * MS, attributes={"messaging.system": "kafka"})  # fmt: skip
    consume.links.add(trace_id=bytes.fromhex(trace_id("plain")), span_id=bytes.fromhex(span_id("plain root")))
    yield _trace("async", request(order, publish, service=service("orders")),
                 request(consume, service=service("worker")), spans=3)  # fmt: skip


def _failed(at: int) -> Iterator[GoldenTrace]:
    """A failed span with its exception, one that was kept for being failed, and one without a message."""
    ids, root = trace_id("failed"), span_id("failed root")
    first = span(
        trace_id=ids, span_id=root, name="GET /pay", start_ns=at, error=True, trace_state="spanwise=kept:error"
    )
    first.status.message = "card refused"
    event = first.events.add(name="exception", time_unix_nano=at + MS)
    fill_attributes(event.attributes, {"exception.type": "CardError", "exception.message": "refused"})
    second = span(trace_id=ids, span_id=span_id("failed silent"), parent=root, name="charge", start_ns=at, error=True,
                  trace_state="spanwise=kept:error")  # fmt: skip
    yield _trace("failed", request(first, second, service=service("failed")), spans=2)


def _nameless(at: int) -> Iterator[GoldenTrace]:
    """A span that took no time and has no name."""
    one = span(trace_id=trace_id("nameless"), span_id=span_id("nameless"), name="", start_ns=at, duration_ns=0)
    yield _trace("nameless", request(one, service=service("nameless")), spans=1)
