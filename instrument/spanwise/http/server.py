"""What happens to every HTTP request a service answers, whatever its framework. Five steps, one object a request:

1. extract  the caller's context (`ServerRequests.begin`)
2. scope    make the request's span the current one
3. process  the application runs; the adapter notes status and route
4. error    an exception is noted, never swallowed
5. finish   metrics, SLOs, the span (`Request.finish`)

Unsampled is the normal case and does only what metrics need: no attributes are collected, no ids are made.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from random import getrandbits
from threading import Lock, get_ident
from time import monotonic, perf_counter, time, time_ns
from typing import Any

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, SpanKind, StatusCode, TraceFlags, get_current_span
from prometheus_client import Gauge, Histogram

from spanwise.objectives import Counting, objectives_for
from spanwise.observing import Observe, exemplar, observer_of
from spanwise.standard import KNOWN_METHODS, OTHER_METHOD
from spanwise.tracing.b3 import decision
from spanwise.tracing.current import SPAN_KEY, attach, get_context
from spanwise.tracing.policy import RouteSampling
from spanwise.tracing.sampling import FORCED, RANDOMNESS_BITS, HeadSampling, kept
from spanwise.tracing.spans import (
    RecordedSpan,
    SpanSink,
    UnsampledSpan,
    UntracedSpan,
    exception_name,
    new_span_id,
    new_trace_id,
)
from spanwise.tracing.tracecontext import RANDOM, SAMPLED, Parent, parse, trace_flags, trace_state

_log = logging.getLogger("spanwise")
_EMPTY = Context()
_BAGGAGE = W3CBaggagePropagator()
_ROOT_FLAGS = TraceFlags(SAMPLED | RANDOM)
# How many paths a young process keeps whole traces of, so that a newcomer's first requests are all there. Later ones
# leave at least their local span.
_MAX_FIRST_PATHS = 50
_KEEP_EVERY_S = 60.0
_MAX_PORT_DIGITS = 5
_DEBUG = "d"  # B3's word for a trace that is wanted whatever the sampling says
_MAX_SERIES = 5000
_MOST_ANSWERED = 200

Attributes = dict[str, Any]
# Collects a span's attributes from what the server handed over; called for recorded requests only.
Describe = Callable[[Any], Attributes]
# Finds the caller's context in the request when other propagators than W3C's are asked for.
Extract = Callable[[Any], Context]
# Asks for the trace of one request: the admin token is its value. Adapters pass it to `ServerRequests.begin`.
FORCE_HEADER = "x-spanwise-trace"


class _Series:
    """What a finished request of one method, route and status adds to. `keep_after`: by `perf_counter`."""

    __slots__ = ("keep_after", "name", "objectives", "observe")

    def __init__(self, observe: Observe, name: str, objectives: tuple[Counting, ...]) -> None:
        self.observe = observe
        self.name = name
        self.objectives = objectives
        self.keep_after = 0.0


class ServerRequests:
    """The shared handler of one process.

    `untraced`: path prefixes whose requests make no spans. `slower_than_s`: requests that take longer leave a span.
    `w3c_only`: no other propagators are asked for, so that adapters need not go through OpenTelemetry's.
    `may_force`: whether the value of FORCE_HEADER is the admin token; None where there is none.
    """

    def __init__(
        self,
        sink: SpanSink,
        sampling: HeadSampling,
        duration: Histogram,
        active: Gauge,
        *,
        untraced: tuple[str, ...] = (),
        slower_than_s: float = float("inf"),
        w3c_only: bool = True,
        may_force: Callable[[str], bool] | None = None,
    ) -> None:
        self._sink = sink
        self._sampling = sampling
        self._duration = duration
        self._untraced = untraced
        self._slower_than_s = slower_than_s
        self.w3c_only = w3c_only
        self._may_force = may_force
        self._series: dict[tuple[str, str, str], _Series] = {}
        self._series_lock = Lock()  # an SLO may be declared while a series looks for its own
        for method in (*KNOWN_METHODS, OTHER_METHOD):
            active.labels(method).set_function(partial(self._in_flight, method))
        self._first_paths: set[str] = set()
        self._young = True

    def _in_flight(self, method: str) -> float:
        return float(sum(request.is_of(self, method) for request in LIVE.copy()))

    def take_over(self, other: ServerRequests) -> None:
        """Becomes `other`: for applications that were instrumented with this one before a shutdown."""
        self.__dict__.update(other.__dict__)

    def add_untraced(self, prefixes: tuple[str, ...]) -> None:
        self._untraced = tuple(dict.fromkeys((*self._untraced, *prefixes)))

    def begin(
        self,
        source: Any,
        describe: Describe,
        method: str,
        path: str,
        traceparent: str | None,
        tracestate: str | None,
        baggage: str | None,
        extract: Extract | None = None,
        force: str | None = None,
    ) -> Request:
        """Steps 1 and 2. `source` is the server's own request object, given back to `describe` and `extract`."""
        request = Request(self, source, describe, method if method in KNOWN_METHODS else OTHER_METHOD)
        request.path = path
        LIVE.add(request)
        try:
            others = _EMPTY
            if path.startswith(self._untraced):
                span: RecordedSpan | UnsampledSpan = UntracedSpan(self._sampling.draw(), None)
            elif (
                traceparent is None
                and baggage is None
                and extract is None
                and force is None
                and not self._sampling.wanted
            ):
                span = self._root(request, path)
            else:
                span, others = self._continue(request, path, traceparent, tracestate, baggage, extract, force)
            request.span = span
            request.before = get_context()
            request.context = context = Context({**others, SPAN_KEY: span} if others else {SPAN_KEY: span})
            attach(context)
        except Exception:
            _log.exception("spanwise: a request is not traced.")
        request.started = perf_counter()
        return request

    def _continue(
        self,
        request: Request,
        path: str,
        traceparent: str | None,
        tracestate: str | None,
        baggage: str | None,
        extract: Extract | None,
        force: str | None,
    ) -> tuple[RecordedSpan | UnsampledSpan, Context]:
        """The span of a request with headers that ask for something, and what else came with it: its baggage."""
        context = _EMPTY
        parent = None
        asked = ""
        if extract is not None:
            context = extract(request.source)
            parent = _parent_in(context)
            asked = decision(context)
        else:
            if traceparent is not None:
                parent = parse(traceparent, tracestate or "")
            if baggage:
                context = _BAGGAGE.extract({"baggage": baggage}, context)
        request.parent = parent
        if force is not None and self._may_force is not None and self._may_force(force):
            asked = _DEBUG
        wanted = self._sampling.wanted
        if wanted and any(each.takes(path) for each in wanted):
            asked = _DEBUG
        if asked:
            span = self._asked_for(request, parent, asked)
        else:
            span = self._root(request, path) if parent is None else self._child(request, parent)
        return span, context

    def _root(self, request: Request, path: str) -> RecordedSpan | UnsampledSpan:
        """The span of a request without a caller."""
        sampling = self._sampling
        randomness = getrandbits(RANDOMNESS_BITS)
        if sampling.routes is not None:
            route = sampling.routes.of(path)
            if route is not None:
                return self._by_route(request, route, randomness)
        if randomness >= sampling.threshold:
            return self._recorded(request, None, new_trace_id(randomness), _ROOT_FLAGS, sampling.root_state)
        if self._young and self._is_first(path):
            return self._recorded(request, None, new_trace_id(randomness), _ROOT_FLAGS, kept("first"))
        return UnsampledSpan(randomness, None)

    def _child(self, request: Request, parent: Parent) -> RecordedSpan | UnsampledSpan:
        """The span of a request whose caller has sent its context."""
        sampling = self._sampling
        if not sampling.follows(parent):
            return UnsampledSpan(0, parent)
        state = parent.tracestate if sampling.parent_based else sampling.state(parent.tracestate)
        return self._recorded(request, parent, parent.trace_id, parent.flags | SAMPLED, state)

    def _by_route(self, request: Request, route: RouteSampling, randomness: int) -> RecordedSpan | UnsampledSpan:
        """A root whose route has a rate of its own in the collector's policy."""
        state = route.decide(randomness, monotonic())
        if state is None:
            return UnsampledSpan(randomness, None)
        return self._recorded(request, None, new_trace_id(randomness), _ROOT_FLAGS, state)

    def _asked_for(self, request: Request, parent: Parent | None, asked: str) -> RecordedSpan | UnsampledSpan:
        """A trace that the caller wants ("d": for its own sake, "1") or does not want ("0"), whatever our rate."""
        if parent is not None and parent.flags & SAMPLED:
            return self._recorded(request, parent, parent.trace_id, parent.flags, parent.tracestate)
        randomness = self._sampling.draw()
        if asked == "0":
            return UnsampledSpan(randomness, parent)
        state = kept(FORCED, parent.tracestate if parent else "") if asked == _DEBUG else ""
        if parent is None:
            return self._recorded(request, None, new_trace_id(randomness), _ROOT_FLAGS, state)
        return self._recorded(request, parent, parent.trace_id, parent.flags | SAMPLED, state)

    def _is_first(self, path: str) -> bool:
        if path in self._first_paths or self._sampling.rate <= 0:
            return False
        self._first_paths.add(path)
        self._young = len(self._first_paths) < _MAX_FIRST_PATHS
        return True

    def _recorded(self, request: Request, parent: Parent | None, trace_id: int, flags: int, state: str) -> RecordedSpan:
        context = SpanContext(trace_id, new_span_id(), False, trace_flags(flags), trace_state(state))
        remote = parent.context() if parent is not None else None
        span = RecordedSpan(self._sink, request.method, SpanKind.SERVER, context, remote, time_ns(), {})
        self._sink.processor.on_start(span)  # type: ignore[arg-type]
        return span

    def finish(self, request: Request, duration: float) -> None:
        """Step 5."""
        status = request.status
        key = (request.method, request.route, status)
        series = self._series.get(key) or self._new_series(key)
        failed = request.error is not None or status >= "500"
        for latency_s, add_good, add_bad in series.objectives:
            if failed or duration > latency_s:
                add_bad()
            else:
                add_good()
        span = request.span
        if type(span) is not RecordedSpan:
            unsampled, span = span, None
            # A caller who decided against the trace kept the first of its own: here it would be a trace without a root.
            is_first = request.parent is None and request.started >= series.keep_after and self._sampling.rate > 0
            if (failed or is_first or duration > self._slower_than_s) and type(unsampled) is UnsampledSpan:
                reason = "error" if failed else "slow" if duration > self._slower_than_s else "first"
                span = self._kept(request, unsampled, reason, duration)
        if span is None:
            series.observe(duration)
        else:
            series.observe(duration, exemplar(span.get_span_context()))
            series.keep_after = request.started + _KEEP_EVERY_S
            self._end(request, span, series, failed)
        if failed:
            _note_failure(request, duration)

    def _new_series(self, key: tuple[str, str, str]) -> _Series:
        method, route, _ = key
        shown = "HTTP" if method == OTHER_METHOD else method
        name = f"{shown} {route}" if route else shown
        with self._series_lock:
            series = _Series(observer_of(self._duration.labels(*key)).observe, name, _counting(route))
            if len(self._series) < _MAX_SERIES:  # beyond, a route callable is giving out raw paths
                self._series[key] = series
        return series

    @property
    def has_answered(self) -> bool:
        """Whether any request has been answered."""
        return bool(self._series)

    def forget_objectives(self) -> None:
        """After an SLO was declared: series look theirs up again."""
        with self._series_lock:
            for (_, route, _), series in self._series.items():
                series.objectives = _counting(route)

    def _kept(self, request: Request, unsampled: UnsampledSpan, reason: str, duration: float) -> RecordedSpan | None:
        """The local span of an unsampled request that is worth one; None where it would go nowhere."""
        if not self._sink.exports:
            return None
        context = unsampled.get_span_context()
        state = kept(reason, request.parent.tracestate if request.parent else "")
        flags = trace_flags(context.trace_flags | SAMPLED)
        context = SpanContext(context.trace_id, context.span_id, False, flags, trace_state(state))
        remote = request.parent.context() if request.parent is not None else None
        start = time_ns() - int(duration * 1e9)
        span = RecordedSpan(self._sink, request.method, SpanKind.SERVER, context, remote, start, {})
        self._sink.processor.on_start(span)  # type: ignore[arg-type]
        if request.error is not None:
            span.record_exception(request.error)
        return span

    def _end(self, request: Request, span: RecordedSpan, series: _Series, failed: bool) -> None:
        attributes = request.describe(request.source)
        attributes["http.request.method"] = request.method
        if request.route:
            attributes["http.route"] = request.route
        if request.status.isdecimal():
            attributes["http.response.status_code"] = int(request.status)
        if failed:
            error = request.error
            attributes["error.type"] = request.status if error is None else exception_name(type(error))
            span.set_status(StatusCode.ERROR, None if error is None else type(error).__name__)
        if span.name == request.method:  # not renamed by the service
            span.update_name(series.name)
        span.fill(attributes)
        span.end()


class Request:
    """One request in flight. The adapter sets `status` (three digits) and `route` (template or ""), and ends it."""

    __slots__ = (
        "_server",
        "before",
        "context",
        "describe",
        "error",
        "method",
        "parent",
        "path",
        "route",
        "source",
        "span",
        "started",
        "status",
        "task",
        "thread",
        "took_s",
    )

    path: str
    started: float
    took_s: float

    def __init__(self, server: ServerRequests, source: Any, describe: Describe, method: str) -> None:
        self._server: ServerRequests | None = server
        self.source = source
        self.describe = describe
        self.method = method
        self.status = ""
        self.route = ""
        self.error: BaseException | None = None
        self.parent: Parent | None = None
        self.span: RecordedSpan | UnsampledSpan | None = None
        self.context: Context | None = None  # of this request
        self.before: Context | None = None
        self.thread = get_ident()
        self.task: Any = None  # the asyncio task that answers it

    def failed(self, error: BaseException) -> None:
        """Step 4: the application raised, or a framework turned an exception into its 500 page."""
        if error is self.error or self._server is None:
            return  # noted when the framework saw it, before it let it through
        self.error = error
        if type(self.span) is RecordedSpan:
            self.span.record_exception(error)
        from spanwise.diagnosis.exceptions import EXCEPTIONS  # only a service that fails needs it

        EXCEPTIONS.note(error, f"{self.method} {self.route}".rstrip(), self.known_trace_id)

    @property
    def known_trace_id(self) -> str:
        """32 hexadecimal digits; "" where no trace id was made yet, which asking must not change."""
        context = getattr(self.span, "_context", None)
        known = context.trace_id if context is not None else self.parent.trace_id if self.parent is not None else 0
        return f"{known:032x}" if known else ""

    def find_route(self, route: Callable[..., str], *arguments: Any) -> None:
        """Sets the template by an adapter's or a user's function, whose fault must not become the request's."""
        try:
            self.route = route(*arguments)
        except Exception:
            _log.exception("spanwise: the route of a request could not be told.")

    def end(self) -> None:
        """`finish` and `leave`, where both happen in the same place."""
        if self._server is not None:
            self.finish()
        if self.before is not None:
            self.leave()

    def leave(self) -> None:
        """Makes current again what was current before the request.

        Not by the token of attaching: a token is good in one context only, and a body may be closed in another thread,
        task or context than it began in. There, nothing of ours is current.
        """
        before = self.before
        if before is None:
            return
        current = get_context()
        # The service may have attached a context of its own that still holds the request's span.
        if current is self.context or current.get(SPAN_KEY) is self.span:
            self.before = self.context = None
            attach(before)

    def finish(self) -> None:
        """Step 5, once; whatever goes wrong here is ours and stays here."""
        server, self._server = self._server, None
        if server is None:
            return
        self.took_s = duration = perf_counter() - self.started
        LIVE.discard(self)
        if not self.status and self.error is not None:
            self.status = "500"  # what every server answers for an application that raised before its first byte
        try:
            server.finish(self, duration)
        except Exception:
            _log.exception("spanwise: a finished request could not be recorded.")
        ANSWERED.append(self)
        # The server's request object and the traceback refer back to this one: without this, each request would be
        # garbage that only the cycle collector frees.
        self.source = self.error = self.task = None

    def is_of(self, server: ServerRequests, method: str) -> bool:
        """Whether it is in flight there, with this method."""
        return self._server is server and self.method == method


# The requests that are being answered: put in and taken out in single steps of the interpreter, looked at by /admin.
LIVE: set[Request] = set()
# The latest that were answered, for /admin too; without what belongs to the server they are small.
ANSWERED: deque[Request] = deque(maxlen=_MOST_ANSWERED)


def _note_failure(request: Request, duration: float) -> None:
    from spanwise.diagnosis.failures import NO_ROUTE, SERVED, Failure  # only a service that fails needs it

    reason = request.status if request.error is None else exception_name(type(request.error))
    failure = Failure(time(), request.method, reason, duration, request.known_trace_id)
    SERVED.note(f"{request.method} {request.route or NO_ROUTE}", failure)


def _counting(route: str) -> tuple[Counting, ...]:
    return tuple(objective.counting() for objective in objectives_for(route))


def _parent_in(context: Context) -> Parent | None:
    """What a propagator extracted, as our own value."""
    found = get_current_span(context).get_span_context()
    if not found.is_valid:
        return None
    flags = int(found.trace_flags) & (SAMPLED | RANDOM)
    return Parent(found.trace_id, found.span_id, flags, found.trace_state.to_header() if found.trace_state else "")


def split_host(host: str, default_port: int) -> tuple[str, int]:
    """`"example.org:8080"`, `"[::1]:80"` -> name and port; the default when there is none or it is not a number."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]") or not port.isdecimal() or len(port) > _MAX_PORT_DIGITS:
        return host.strip("[]"), default_port
    return name.strip("[]"), int(port)
