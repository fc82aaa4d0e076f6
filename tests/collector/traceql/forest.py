"""Random traces for the TraceQL suite: few names and values, so that queries find some; every shape of spans."""

from __future__ import annotations

import random
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.collector.otlp_requests import SECOND, fill_attributes, span
from tests.collector.traceql.evaluator import Event, Link, Origin, Span, Trace

MS = 10**6
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
LINKED = ("ab" * 16, "cd" * 8)
# Of consistent probability sampling: th:8 keeps half, th:c a quarter.
_TRACE_STATES = {"": 1.0, "ot=th:8": 2.0, "ot=th:c": 4.0, "spanwise=kept:error": 0.0}
_MULTIPLIERS = {value: key for key, value in _TRACE_STATES.items()}


def forest(rng: random.Random, traces: int, start_ns: int) -> list[Trace]:
    """Traces that start within half a minute, no two spans of one at the same time."""
    origins = [_origin(rng, service) for service in ("shop", "cart", "db") for _ in range(2)]
    return [_trace(rng, origins, start_ns + rng.randrange(30 * SECOND)) for _ in range(traces)]


def request_of(trace: Trace) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    for one in trace.spans:
        resource_spans = message.resource_spans.add()
        fill_attributes(resource_spans.resource.attributes, one.origin.resource)
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name, scope_spans.scope.version = one.origin.scope_name, one.origin.scope_version
        fill_attributes(scope_spans.scope.attributes, one.origin.scope)
        sent = span(
            trace_id=trace.trace_id, span_id=one.span_id, parent=one.parent_id, name=one.name,
            kind=KINDS.index(one.kind), start_ns=one.start_ns, duration_ns=one.duration_ns,
            attributes=one.attributes, trace_state=_MULTIPLIERS[one.multiplier],
        )  # fmt: skip
        sent.status.code = STATUSES.index(one.status)  # type: ignore[assignment]
        sent.status.message = one.status_message
        for event in one.events:
            fill_attributes(sent.events.add(name=event.name, time_unix_nano=event.time_ns).attributes, event.attributes)
        for link in one.links:
            linked = sent.links.add(trace_id=bytes.fromhex(link.trace_id), span_id=bytes.fromhex(link.span_id))
            fill_attributes(linked.attributes, link.attributes)
        scope_spans.spans.append(sent)
    return message


def _origin(rng: random.Random, service: str) -> Origin:
    return Origin(
        {"service.name": service, "region": rng.choice("ew"), "cpu": rng.choice((2, 4, 4.0)), **_some(rng, "both")},
        rng.choice(("flask", "django")),
        rng.choice(("1.0", "2.0")),
        _some(rng, "lib"),
    )


def _trace(rng: random.Random, origins: list[Origin], start_ns: int) -> Trace:
    count = rng.choice((1, 2, 3, 5, 8, 12))
    ids = [rng.randbytes(8).hex() for _ in range(count)]
    if count > 3 and rng.random() < 0.2:
        ids[2] = ids[1]  # as a client and a server share one in Zipkin
    starts = rng.sample(range(0, 400 * MS, 1000), count)
    parents = ["", *(_parent(rng, ids[:place]) for place in range(1, count))]
    if rng.random() < 0.15:
        parents[0] = rng.randbytes(8).hex()
    if count > 4 and rng.random() < 0.15:
        parents[-1], parents[-2] = ids[-2], ids[-1]  # each the other's parent
    spans = [_span(rng, ids[i], parents[i], start_ns + starts[i], rng.choice(origins)) for i in range(count)]
    return Trace(rng.randbytes(16).hex(), spans)


def _parent(rng: random.Random, earlier: list[str]) -> str:
    chance = rng.random()
    if chance < 0.05:
        return ""
    if chance < 0.1:
        return rng.randbytes(8).hex()
    return earlier[-1] if chance < 0.5 else rng.choice(earlier)


def _span(rng: random.Random, span_id: str, parent: str, start_ns: int, origin: Origin) -> Span:
    status = rng.choice(STATUSES)
    return Span(
        span_id, parent, rng.choice(("a", "b", "GET /x", "GET /y")), rng.choice(KINDS), status,
        rng.choice(("", "boom")) if status == "error" else "", start_ns, rng.randrange(0, 400) * MS,
        _attributes(rng),
        tuple(
            Event(rng.choice(("exception", "log")), start_ns + rng.randrange(9) * MS, _some(rng, "what"))
            for _ in range(rng.choice((0, 0, 1, 2)))
        ),
        tuple(Link(*LINKED, _some(rng, "why")) for _ in range(rng.choice((0, 0, 0, 1)))),
        origin,
        rng.choice(list(_MULTIPLIERS)),
    )  # fmt: skip


def _attributes(rng: random.Random) -> dict[str, Any]:
    return {
        **_maybe(rng, "n", (0, 1, 2, 3, -1, 0.5, 2.0)),
        **_maybe(rng, "m", (1, 2, 3)),
        **_maybe(rng, "s", ("x", "y", "xy", "", 'q"uo\\te', "x\ny", "ü")),
        **_maybe(rng, "flag", (True, False)),
        **_maybe(rng, "http.status_code", (200, 404, 500)),
        **_maybe(rng, "with space/slash", ("v",)),
        **_maybe(rng, "big", (2**62, 2**62 + 1)),
        **_maybe(rng, "list", (["x", 1],)),
        **_some(rng, "both"),
        **_some(rng, "mixed"),
    }


def _some(rng: random.Random, key: str) -> dict[str, Any]:
    return _maybe(rng, key, ("1", 1, 1.0, True, "true", None, "z"))


def _maybe(rng: random.Random, key: str, choices: tuple[Any, ...]) -> dict[str, Any]:
    return {key: rng.choice(choices)} if rng.random() < 0.6 else {}
