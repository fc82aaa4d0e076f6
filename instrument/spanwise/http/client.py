"""What happens to every HTTP request a service makes, whatever its client library.

The hook of a library calls `ClientRequests.begin`, adds `Call.headers` to the request, and then `Call.finish`. The span
of an unsampled call is not made at all: the current (server) span's context is passed on instead.
"""

from __future__ import annotations

import logging
import ssl
from contextvars import ContextVar, Token
from time import perf_counter, time, time_ns
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.baggage import get_all as all_baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from prometheus_client import Histogram

from spanwise.http.server import split_host
from spanwise.redaction import Redaction
from spanwise.standard import KNOWN_METHODS, OTHER_METHOD
from spanwise.tracing.sampling import HeadSampling, kept
from spanwise.tracing.spans import (
    RecordedSpan,
    SpanSink,
    UnsampledSpan,
    UntracedSpan,
    exception_name,
    new_span_id,
    new_trace_id,
)
from spanwise.tracing.tracecontext import RANDOM, SAMPLED, trace_state, trace_state_text, traceparent

# More hosts than a service has dependencies: a crawler's share one label.
_MAX_HOSTS = 200
OTHER_HOST = "_other"
_BAGGAGE = W3CBaggagePropagator()
_inside: ContextVar[bool] = ContextVar("spanwise_inside_call", default=False)
_log = logging.getLogger("spanwise")

_Origin = tuple[str, int, str, str]  # host and port, and both as label values


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
        self._origins: dict[str, _Origin] = {}
        self._series: dict[tuple[str, str, str, str, str], Histogram] = {}

    def begin(self, method: str, url: str) -> Call:
        """Starts a call; its `headers` carry the context to the callee."""
        call = Call(self, method if method in KNOWN_METHODS else OTHER_METHOD, url)
        try:
            current = get_current_span()
            if isinstance(current, UnsampledSpan):
                call.context = current.get_span_context()
                call.is_untraced = type(current) is UntracedSpan
            else:
                self._continue(call, current.get_span_context())
            call.headers = self._headers(call)
        except Exception:
            call.span = None
            _log.exception("spanwise: a call is not traced.")
        call.started = perf_counter()
        return call

    def _continue(self, call: Call, parent: SpanContext) -> None:
        if parent.is_valid:
            call.context = parent
            if parent.trace_flags.sampled:
                state = trace_state_text(parent.trace_state)
                call.span = self._span(call, parent.trace_id, parent.trace_flags, state, parent, time_ns())
                call.context = call.span.get_span_context()
            return
        randomness = self._sampling.draw()
        trace_id = new_trace_id(randomness)
        if self._sampling.samples(randomness):
            flags, state = TraceFlags(SAMPLED | RANDOM), self._sampling.root_state
            call.span = self._span(call, trace_id, flags, state, None, time_ns())
            call.context = call.span.get_span_context()
        else:
            call.context = SpanContext(trace_id, new_span_id(), False, TraceFlags(RANDOM))
            call.is_root = True

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
        context = SpanContext(trace_id, span_id or new_span_id(), False, TraceFlags(flags), trace_state(state))
        name = "HTTP" if call.method == OTHER_METHOD else call.method
        span = RecordedSpan(self._sink, name, SpanKind.CLIENT, context, parent, start_ns, {})
        self._sink.processor.on_start(span)  # type: ignore[arg-type]
        return span

    def _headers(self, call: Call) -> dict[str, str]:
        if not self._w3c_only:
            from opentelemetry import propagate  # which loads what OTEL_PROPAGATORS names: only where it is checked

            headers: dict[str, str] = {}
            span = call.span or NonRecordingSpan(call.context)
            propagate.inject(headers, set_span_in_context(span))
            return headers
        headers = {"traceparent": traceparent(call.context)}
        if call.context.trace_state:
            headers["tracestate"] = trace_state_text(call.context.trace_state)
        if all_baggage():
            _BAGGAGE.inject(headers, otel_context.get_current())
        return headers

    def finish(self, call: Call, status: int | None, error: BaseException | None) -> None:
        duration = perf_counter() - call.started
        host, port, host_label, port_label = self._origin(call.url)
        status_text = "" if status is None else str(status)
        problem = error_type(error) if error is not None else status_text if (status or 0) >= 500 else ""
        key = (call.method, host_label, port_label, status_text, problem)
        child = self._series.get(key)
        if child is None:
            child = self._series[key] = self._duration.labels(*key)
        span = call.span
        if span is None and problem and not call.is_untraced and call.context.is_valid and self._sink.exports:
            span = self._keep_failed(call, duration)
        if problem and not call.is_untraced:
            _note_failure(call, host_label, port_label, problem, duration)
        if span is None:
            child.observe(duration)
            return
        context = span.get_span_context()
        child.observe(duration, {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"})
        self._end(call, span, host, port, status, problem, error)

    def _keep_failed(self, call: Call, duration: float) -> RecordedSpan:
        context = call.context
        state = kept("error", trace_state_text(context.trace_state))
        flags = TraceFlags(context.trace_flags | SAMPLED)
        start_ns = time_ns() - int(duration * 1e9)
        if call.is_root:  # the callee was told this call's own id
            return self._span(call, context.trace_id, flags, state, None, start_ns, context.span_id)
        return self._span(call, context.trace_id, flags, state, context, start_ns)

    def _end(
        self,
        call: Call,
        span: RecordedSpan,
        host: str,
        port: int,
        status: int | None,
        problem: str,
        error: BaseException | None,
    ) -> None:
        attributes: dict[str, Any] = {
            "http.request.method": call.method,
            "server.address": host,
            "server.port": port,
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
        scheme, _, rest = url.partition("://")
        authority = rest.partition("/")[0].partition("?")[0].partition("#")[0]
        known = self._origins.get(f"{scheme}:{authority}")
        if known is None:
            host, port = split_host(authority.rpartition("@")[2], 443 if scheme == "https" else 80)
            if len(self._origins) >= _MAX_HOSTS:
                return host, port, OTHER_HOST, ""
            known = self._origins[f"{scheme}:{authority}"] = (host, port, host, str(port))
        return known


class Call:
    """One call in flight."""

    __slots__ = (
        "_client",
        "_token",
        "context",
        "headers",
        "is_root",
        "is_untraced",
        "method",
        "span",
        "started",
        "url",
    )

    _token: Token[bool]
    context: SpanContext
    headers: dict[str, str]
    started: float

    def __init__(self, client: ClientRequests, method: str, url: str) -> None:
        self._client = client
        self.method = method
        self.url = url
        self.span: RecordedSpan | None = None
        self.is_root = False
        self.is_untraced = False
        self.context = INVALID_SPAN_CONTEXT
        self.headers = {}

    def __enter__(self) -> Call:
        """While it is entered, `inside_call` is true: for libraries that other instrumented ones are built on."""
        self._token = _inside.set(True)
        return self

    def __exit__(self, *_: object) -> None:
        _inside.reset(self._token)

    def finish(self, status: int | None, error: BaseException | None = None) -> None:
        try:
            self._client.finish(self, status, error)
        except Exception:
            _log.exception("spanwise: a finished call could not be recorded.")


def _note_failure(call: Call, host: str, port: str, problem: str, duration: float) -> None:
    from spanwise.diagnosis.failures import CALLED, Failure  # only a service whose calls fail needs it

    trace_id = f"{call.context.trace_id:032x}" if call.context.is_valid else ""
    CALLED.note(f"{host}:{port}" if port else host, Failure(time(), call.method, problem, duration, trace_id))


def inside_call() -> bool:
    """Whether this code runs on behalf of a call that is counted already."""
    return _inside.get()


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
