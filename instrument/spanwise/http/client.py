"""What happens to every HTTP request a service makes, whatever its client library.

The hook of a library calls `ClientRequests.begin`, adds `Call.headers` to the request, and then `Call.finish`; that of
`requests` goes a shorter way (`start`, `answered`, `failed`). The span of an unsampled call is not made at all: the
current (server) span's context is passed on instead.
"""

from __future__ import annotations

import logging
import ssl
from contextvars import ContextVar
from time import perf_counter, time, time_ns
from typing import Any

from opentelemetry.baggage import get_all as all_baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    set_span_in_context,
)
from prometheus_client import Histogram

from spanwise.http.server import split_host
from spanwise.observing import Observer, exemplar, observer_of
from spanwise.redaction import Redaction
from spanwise.standard import KNOWN_METHODS, OTHER_METHOD
from spanwise.tracing.current import SPAN_KEY, get_context
from spanwise.tracing.root_ids import Drawn, draw, drawn_before, is_root, split
from spanwise.tracing.sampling import HeadSampling, kept
from spanwise.tracing.spans import (
    RecordedSpan,
    SpanSink,
    UnsampledSpan,
    UntracedSpan,
    exception_name,
    new_span_id,
)
from spanwise.tracing.tracecontext import RANDOM, SAMPLED, trace_flags, trace_state, trace_state_text, traceparent

# More hosts than a service has dependencies: a crawler's share one label.
_MAX_HOSTS = 200
OTHER_HOST = "_other"
_BAGGAGE = W3CBaggagePropagator()
# Whether this code runs on behalf of a call that is counted already: for libraries that others are built on.
INSIDE_CALL: ContextVar[bool] = ContextVar("spanwise_inside_call", default=False)
_NO_HEADERS: dict[str, str] = {}  # never changed
_NOT_RECORDED = "spanwise: a finished call could not be recorded."
_log = logging.getLogger("spanwise")


# What takes the durations of calls to one server, by method, status and problem; and by method and status.
_Observers = dict[tuple[str, int | None, str], Observer]
_Answered = dict[str, dict[int | None, Observer]]


class _Origin:
    """A server that is called: its address, the same as label values, and the series of its calls.

    `answered` are, by method and status, those of the calls in which nothing failed.
    """

    __slots__ = ("answered", "host", "host_label", "observers", "port", "port_label")

    def __init__(self, host: str, port: int, host_label: str, port_label: str, observers: _Observers) -> None:
        self.host = host
        self.port = port
        self.host_label = host_label
        self.port_label = port_label
        self.observers = observers
        self.answered: _Answered = {}


class ClientRequests:
    """The shared handler of one process."""

    def __init__(
        self,
        sink: SpanSink,
        sampling: HeadSampling,
        duration: Histogram,
        redaction: Redaction,
        *,
        w3c_only: bool = True,
    ) -> None:
        self._sink = sink
        self._sampling = sampling
        self._duration = duration
        self._redaction = redaction
        self._w3c_only = w3c_only
        self._origins: dict[str, _Origin] = {}  # by the beginning of their URLs, up to and with the slash
        self._last: tuple[str, _Answered] = ("no URL", {})  # the beginning of the last one's URLs, and its `answered`
        self._other_observers: _Observers = {}

    def begin(self, method: str, url: str) -> Call:
        """Starts a call; its `headers` carry the context to the callee."""
        return self.whole(self.start(method, url), method, url)

    def start(self, method: str, url: str) -> str | Call:
        """Starts a call in fewer steps: of one that is not sampled, and whose callee is told nothing more, there is
        only its traceparent, until `answered` or `failed`.
        """
        try:
            context = get_context()
            drawn = None
            if context:
                header = _unsampled(context) if self._w3c_only else ""
                if header:
                    return header
            elif self._w3c_only:
                try:  # as `draw` does, in fewer steps
                    drawn = drawn_before.pop()
                except IndexError:
                    drawn = draw()
                randomness, header = drawn
                if randomness < self._sampling.threshold:
                    return header
            call = self._call(method, url)
            self._within(call, context, drawn)
        except Exception:
            call = self._call(method, url)
            _log.exception("spanwise: a call is not traced.")
        call.started = perf_counter()
        return call

    def whole(self, started: str | Call, method: str, url: str) -> Call:
        """The call that `start` has started."""
        return self._told(method, url, started) if isinstance(started, str) else started

    def _call(self, method: str, url: str) -> Call:
        call = Call()
        call.client = self
        call.method = method if method in KNOWN_METHODS else OTHER_METHOD
        call.url = url
        call.others = _NO_HEADERS
        call.is_untraced = False
        call.parent = INVALID_SPAN_CONTEXT
        call.span = None
        call.root = call.traceparent = ""
        return call

    def _told(self, method: str, url: str, header: str) -> Call:
        """The call of which `start` made no more than its traceparent."""
        call = self._call(method, url)
        call.traceparent = header
        call.root = header if is_root(header) else ""
        call.started = perf_counter()
        return call

    def _within(self, call: Call, context: Context, drawn: Drawn | None) -> None:
        """Below the current span, if there is one; a root has the ids that are `drawn`."""
        current: Any = context.get(SPAN_KEY) if context else None
        kind = type(current)
        if kind is UnsampledSpan or kind is UntracedSpan:
            call.parent = current.get_span_context()
            call.is_untraced = kind is UntracedSpan
        elif not isinstance(current, Span) or not self._continue(call, current.get_span_context()):
            self._root(call, *(drawn or draw()))
        self._tell(call, context)

    def _continue(self, call: Call, parent: SpanContext) -> bool:
        """Below the current span; False when it is none."""
        if not parent.is_valid:
            return False
        call.parent = parent
        if parent.trace_flags.sampled:
            state = trace_state_text(parent.trace_state)
            call.span = self._span(call, parent.trace_id, parent.trace_flags, state, parent, time_ns())
            call.parent = call.span.get_span_context()
        return True

    def _root(self, call: Call, randomness: int, header: str) -> None:
        if randomness < self._sampling.threshold:
            call.root = call.traceparent = header
            return
        trace_id, span_id = split(header)
        state = self._sampling.root_state
        call.span = self._span(call, trace_id, SAMPLED | RANDOM, state, None, time_ns(), span_id)
        call.parent = call.span.get_span_context()

    def _span(
        self,
        call: Call,
        trace_id: int,
        flags: int,
        state: str,
        parent: SpanContext | None,
        start_ns: int,
        span_id: int = 0,
    ) -> RecordedSpan:
        context = SpanContext(trace_id, span_id or new_span_id(), False, trace_flags(flags), trace_state(state))
        name = "HTTP" if call.method == OTHER_METHOD else call.method
        span = RecordedSpan(self._sink, name, SpanKind.CLIENT, context, parent, start_ns, {})
        self._sink.processor.on_start(span)  # type: ignore[arg-type]
        return span

    def _tell(self, call: Call, current: Context) -> None:
        """Sets what the callee is told."""
        if not self._w3c_only:
            from opentelemetry import propagate  # which loads what OTEL_PROPAGATORS names: only where it is checked

            call.traceparent, call.others = "", {}
            propagate.inject(call.others, set_span_in_context(call.span or NonRecordingSpan(call.context)))
            return
        if not call.root:
            context = call.parent
            call.traceparent = traceparent(context)
            if context.trace_state:
                call.others = {"tracestate": trace_state_text(context.trace_state)}
        if current and len(current) > (SPAN_KEY in current) and all_baggage(current):
            call.others = {**call.others}
            _BAGGAGE.inject(call.others, current)

    def finish(self, call: Call, status: int | None, error: BaseException | None = None) -> None:
        """Records the call. Never raises."""
        duration = perf_counter() - call.started
        if error is None and call.span is None:
            self.answered(call, call.method, call.url, status, duration)
        else:
            self._recorded(call, call.method, call.url, status, error, duration)

    def answered(self, started: str | Call, method: str, url: str, status: int | None, duration: float) -> None:
        """Records a call that is not sampled. Never raises."""
        try:
            base, series = self._last
            if url.startswith(base):
                observer = series[method][status]
                # What `observe` does, in fewer steps.
                values = observer.values
                values.append(duration)
                if len(values) >= observer.most:
                    observer.settle_unless_busy()
                return
        except KeyError:
            pass
        except Exception:
            _log.exception(_NOT_RECORDED)
            return
        self._recorded(started, method, url, status, None, duration)

    def failed(self, started: str | Call, method: str, url: str, error: BaseException, duration: float) -> None:
        """Records a call that ended without an answer. Never raises."""
        self._recorded(started, method, url, None, error, duration)

    def _recorded(
        self,
        started: str | Call,
        method: str,
        url: str,
        status: int | None,
        error: BaseException | None,
        duration: float,
    ) -> None:
        try:
            self._record(self.whole(started, method, url), status, error, duration)
        except Exception:
            _log.exception(_NOT_RECORDED)

    def _record(self, call: Call, status: int | None, error: BaseException | None, duration: float) -> None:
        origin = self._origin(call.url)
        problem = "" if error is None else error_type(error)
        if status is not None and status >= 500:
            problem = problem or str(status)
        observer = origin.observers.get((call.method, status, problem))
        if observer is None:
            observer = self._observer(origin, call, status, problem)
        span = call.span
        if problem and not call.is_untraced:
            if span is None and call.context.is_valid and self._sink.exports:
                span = self._keep_failed(call, duration)
            _note_failure(call, origin.host_label, origin.port_label, problem, duration)
        if span is None:
            observer.observe(duration)
            return
        observer.observe(duration, exemplar(span.get_span_context()))
        self._end(call, span, origin, status, problem, error)

    def _observer(self, origin: _Origin, call: Call, status: int | None, problem: str) -> Observer:
        status_text = "" if status is None else str(status)
        child = self._duration.labels(call.method, origin.host_label, origin.port_label, status_text, problem)
        observer = origin.observers[call.method, status, problem] = observer_of(child)
        if not problem:
            origin.answered.setdefault(call.method, {})[status] = observer
        return observer

    def _keep_failed(self, call: Call, duration: float) -> RecordedSpan:
        context = call.context
        state = kept("error", trace_state_text(context.trace_state))
        flags = context.trace_flags | SAMPLED
        start_ns = time_ns() - int(duration * 1e9)
        if call.root:  # the callee was told this call's own id
            return self._span(call, context.trace_id, flags, state, None, start_ns, context.span_id)
        return self._span(call, context.trace_id, flags, state, context, start_ns)

    def _end(
        self,
        call: Call,
        span: RecordedSpan,
        origin: _Origin,
        status: int | None,
        problem: str,
        error: BaseException | None,
    ) -> None:
        attributes: dict[str, Any] = {
            "http.request.method": call.method,
            "server.address": origin.host,
            "server.port": origin.port,
            "url.full": self._redaction.url(call.url),
        }
        if status is not None:
            attributes["http.response.status_code"] = status
        if problem:
            attributes["error.type"] = problem
            # The message of a connection error quotes the URL with its query: only its type is recorded.
            span.set_status(StatusCode.ERROR, exception_name(type(error)) if error is not None else None)
        elif status is not None and status >= 400:
            attributes["error.type"] = str(status)
            span.set_status(StatusCode.ERROR)
        span.fill(attributes)
        span.end()

    def _origin(self, url: str) -> _Origin:
        end = url.find("/", 8) + 1  # behind "https://" and, since no host begins with a slash, "http://"
        known = self._origins.get(url[:end])
        if known is None:
            return self._new_origin(url)
        self._last = (url[:end], known.answered)
        return known

    def _new_origin(self, url: str) -> _Origin:
        scheme, _, rest = url.partition("://")
        authority = rest.partition("/")[0].partition("?")[0].partition("#")[0]
        base = f"{scheme}://{authority}/"
        known = self._origins.get(base)
        if known is None:
            host, port = split_host(authority.rpartition("@")[2], 443 if scheme == "https" else 80)
            if len(self._origins) >= _MAX_HOSTS:
                return _Origin(host, port, OTHER_HOST, "", self._other_observers)
            known = self._origins[base] = _Origin(host, port, host, str(port), {})
        return known


class Call:
    """One call in flight, made by `ClientRequests`, which sets every attribute: a constructor takes longer."""

    __slots__ = ("client", "is_untraced", "method", "others", "parent", "root", "span", "started", "traceparent", "url")

    client: ClientRequests
    method: str
    url: str
    traceparent: str  # empty where other propagators than W3C's are used
    others: dict[str, str]  # the other headers, which nobody changes; beside a traceparent in small letters
    is_untraced: bool
    parent: SpanContext
    root: str  # the traceparent with the ids of this call itself, which the callee sees as an unsampled root; or empty
    span: RecordedSpan | None
    started: float  # by the performance counter, in seconds

    @property
    def headers(self) -> dict[str, str]:
        """What tells the callee the context."""
        return {"traceparent": self.traceparent, **self.others} if self.traceparent else self.others

    @property
    def context(self) -> SpanContext:
        """What the callee is told."""
        if self.parent is INVALID_SPAN_CONTEXT and self.traceparent:
            flags = trace_flags(int(self.traceparent[-2:], 16))
            self.parent = SpanContext(*split(self.traceparent), False, flags)
        return self.parent

    def finish(self, status: int | None, error: BaseException | None = None) -> None:
        self.client.finish(self, status, error)


def _unsampled(context: Context) -> str:
    """The traceparent of a request that is not sampled, where nothing else is to be told; empty for another context."""
    current = context.get(SPAN_KEY)
    if type(current) is not UnsampledSpan or len(context) > 1:
        return ""
    parent = current.get_span_context()
    return "" if parent.trace_state else traceparent(parent)


def _note_failure(call: Call, host: str, port: str, problem: str, duration: float) -> None:
    from spanwise.diagnosis.failures import CALLED, Failure  # only a service whose calls fail needs it

    trace_id = f"{call.context.trace_id:032x}" if call.context.is_valid else ""
    CALLED.note(f"{host}:{port}" if port else host, Failure(time(), call.method, problem, duration, trace_id))


def error_type(error: BaseException) -> str:
    """A low-cardinality error.type that is the same for every client library: its cause, else the exception's name."""
    seen: BaseException | None = error
    for _ in range(10):  # a chain may be circular
        if seen is None:
            break
        name = type(seen).__name__
        if isinstance(seen, TimeoutError) or "Timeout" in name:
            return "timeout"
        if isinstance(seen, ConnectionRefusedError):
            return "connection_refused"
        if isinstance(seen, ssl.SSLError):
            return "tls"
        if "NameResolution" in name or name == "gaierror":
            return "name_resolution"
        seen = _cause(seen)
    return exception_name(type(error))


def _cause(error: BaseException) -> BaseException | None:
    """The exception within: chained by `raise from`, by context, or wrapped as urllib3 and requests do."""
    if error.__cause__ is not None:
        return error.__cause__
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    if error.args and isinstance(error.args[0], BaseException):
        return error.args[0]
    return error.__context__
