"""`spanwise.task`: background jobs and queue workers, measured as requests are: duration, outcome, in flight, a span.

    @spanwise.task("settle-invoices")
    def settle(): ...

    with spanwise.task("orders", system="kafka", headers=message.headers):
        handle(message)

The name is the destination of OpenTelemetry's messaging conventions: a queue, a topic, or the job's own name, never the
id of a message. A task is sampled, kept and counted as requests are: by probability, the first of each name whole, a
failed or slow one with its own span at least; `spanwise.slo(..., task="settle-invoices")` counts it as good or bad.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from time import perf_counter, time_ns
from types import TracebackType
from typing import Any, TypeVar, cast

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import (
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue
from prometheus_client import Counter, Gauge, Histogram

from spanwise import standard
from spanwise.metrics import from_standard
from spanwise.objectives import objectives_for_task
from spanwise.observing import exemplar
from spanwise.tracing.sampling import HeadSampling, kept
from spanwise.tracing.spans import (
    RecordedSpan,
    SpanSink,
    UnsampledSpan,
    exception_name,
    new_span_id,
    new_trace_id,
)
from spanwise.tracing.tracecontext import RANDOM, SAMPLED, Parent, trace_state, trace_state_text

_F = TypeVar("_F", bound=Callable[..., Any])
# messaging.system of a job that no broker brought.
JOB = "job"
_MAX_FIRST_NAMES = 50
# As brokers' clients give them: text to text, or pairs with bytes.
Headers = Mapping[str, Any] | Iterable[tuple[str, Any]]


class TaskSpans:
    """How a process makes the spans of its tasks; `slower_than_s`: tasks that take longer leave a span."""

    def __init__(self, sink: SpanSink, sampling: HeadSampling, slower_than_s: float) -> None:
        self._sink = sink
        self._sampling = sampling
        self._slower_than_s = slower_than_s
        self._first: set[str] = set()

    def start(self, name: str, kind: SpanKind, caller: SpanContext | None) -> RecordedSpan | UnsampledSpan:
        sampling = self._sampling
        if caller is not None:
            parent = _parent(caller)
            by_caller = sampling.parent_based or not caller.is_remote
            if not (parent.flags & SAMPLED if by_caller else sampling.follows(parent)):
                return UnsampledSpan(0, parent)
            state = parent.tracestate if by_caller else sampling.state(parent.tracestate)
            return self._record(name, kind, parent.trace_id, parent.flags | SAMPLED, state, caller, time_ns())
        randomness = sampling.draw()
        if sampling.samples(randomness):
            state = sampling.root_state
        elif sampling.rate > 0 and name not in self._first and len(self._first) < _MAX_FIRST_NAMES:
            self._first.add(name)
            state = kept("first")
        else:
            return UnsampledSpan(randomness, None)
        return self._record(name, kind, new_trace_id(randomness), SAMPLED | RANDOM, state, None, time_ns())

    def keep(
        self,
        name: str,
        kind: SpanKind,
        span: UnsampledSpan,
        caller: SpanContext | None,
        duration_s: float,
        failed: bool,
    ) -> RecordedSpan | None:
        """The local span of an unsampled task that is worth one, made when it has ended."""
        if not failed and duration_s <= self._slower_than_s:
            return None
        context = span.get_span_context()
        state = kept("error" if failed else "slow", _parent(caller).tracestate if caller else "")
        start_ns = time_ns() - int(duration_s * 1e9)
        flags = context.trace_flags | SAMPLED
        return self._record(name, kind, context.trace_id, flags, state, caller, start_ns, context.span_id)

    def _record(
        self,
        name: str,
        kind: SpanKind,
        trace_id: int,
        flags: int,
        state: str,
        caller: SpanContext | None,
        start_ns: int,
        span_id: int | None = None,
    ) -> RecordedSpan:
        context = SpanContext(trace_id, span_id or new_span_id(), False, TraceFlags(flags), trace_state(state))
        span = RecordedSpan(self._sink, name, kind, context, caller, start_ns, {})
        self._sink.processor.on_start(span)  # type: ignore[arg-type]
        return span


_spans: TaskSpans | None = None


def trace_with(spans: TaskSpans | None) -> None:
    """Called by `spanwise.instrument`; until then tasks are measured and make no spans."""
    global _spans
    _spans = spans


class task:
    """A context manager for one `with` at a time, and a decorator for functions and coroutines.

    `system`: the broker's name in OpenTelemetry's conventions (kafka, rabbitmq, ...). `headers`: the message's, from
    which the sender's trace is continued. An exception that leaves the code makes the outcome its type; it is never
    swallowed, and a cancelled task or an interrupt is an outcome but no error. Further keywords are span attributes.
    """

    __slots__ = (
        "_attributes",
        "_before",
        "_caller",
        "_headers",
        "_name",
        "_span",
        "_started",
        "_system",
    )

    def __init__(
        self, name: str, /, *, system: str = JOB, headers: Headers | None = None, **attributes: AttributeValue
    ) -> None:
        self._name = name
        self._system = system
        self._headers = headers
        self._attributes = attributes
        self._span: RecordedSpan | UnsampledSpan | None = None
        self._caller: SpanContext | None = None
        self._before = Context()
        self._started = 0.0

    def __enter__(self) -> Span:
        _active().labels(self._system, self._name).inc()
        context = extract(self._headers) if self._headers is not None else otel_context.get_current()
        self._before = otel_context.get_current()
        if _spans is not None:
            found = get_current_span(context).get_span_context()
            self._caller = found if found.is_valid else None
            self._span = _spans.start(self._span_name, self._kind, self._caller)
            if type(self._span) is RecordedSpan:
                for key, value in self._attributes.items():
                    self._span.set_attribute(key, value)
            otel_context.attach(set_span_in_context(self._span, context))
        self._started = perf_counter()
        return get_current_span()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        duration = perf_counter() - self._started
        _active().labels(self._system, self._name).dec()
        outcome = exception_name(type(error)) if error is not None else ""
        failed = isinstance(error, Exception)
        series = _duration().labels(self._system, self._name, outcome)
        span, self._span = self._span, None
        if span is not None and get_current_span() is span:
            otel_context.attach(self._before)
        if type(span) is UnsampledSpan and _spans is not None:
            span = _spans.keep(self._span_name, self._kind, span, self._caller, duration, failed)
            if span is not None:
                span.set_attributes(self._attributes)
        if type(span) is RecordedSpan:
            context = self._end(span, error if failed else None, outcome)
            series.observe(duration, exemplar(context))
        else:
            series.observe(duration)
        for objective in objectives_for_task(self._name):
            objective.count(duration, failed)

    def __call__(self, function: _F) -> _F:
        """Raises TypeError for a generator: its duration would be that of whoever reads it."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"spanwise.task measures functions and coroutines; {function.__name__} is a generator.")
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                with self._again():
                    return await function(*args, **kwargs)

            return cast(_F, call_async)

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return cast(_F, call)

    def _again(self) -> task:
        return task(self._name, system=self._system, headers=self._headers, **self._attributes)

    @property
    def _kind(self) -> SpanKind:
        return SpanKind.INTERNAL if self._system == JOB else SpanKind.CONSUMER

    @property
    def _span_name(self) -> str:
        return self._name if self._system == JOB else f"process {self._name}"

    def _end(self, span: RecordedSpan, error: BaseException | None, outcome: str) -> SpanContext:
        attributes: dict[str, Any] = {"messaging.system": self._system, "messaging.destination.name": self._name}
        attributes["messaging.operation.type"] = "process"
        if error is not None:
            span.record_exception(error)
            span.set_status(StatusCode.ERROR, outcome)
        if outcome:
            attributes["error.type"] = outcome
        span.fill(attributes)
        span.end()
        return span.get_span_context()


def sent(destination: str, *, system: str = JOB, error: BaseException | None = None) -> dict[str, str]:
    """Counts a message that was sent, and gives the headers to send with it, so that its task continues this trace.

    Called after a failed attempt too, with the exception as `error`.
    """
    from opentelemetry import propagate

    outcome = exception_name(type(error)) if error is not None else ""
    _sent().labels(system, destination, outcome).inc()
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers


def extract(headers: Headers) -> Context:
    """The sender's context by the configured propagators; whatever else is in the headers does no harm."""
    from opentelemetry import propagate

    pairs = headers.items() if isinstance(headers, Mapping) else headers
    carrier = {}
    for name, value in pairs:
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if isinstance(name, str) and isinstance(text, str):
            carrier[name.lower()] = text
    return propagate.extract(carrier, Context())


def _parent(caller: SpanContext) -> Parent:
    flags = int(caller.trace_flags) & (SAMPLED | RANDOM)
    return Parent(caller.trace_id, caller.span_id, flags, trace_state_text(caller.trace_state))


def have_run() -> bool:
    """Whether this process has measured a task."""
    return _duration.cache_info().currsize > 0


@cache
def _duration() -> Histogram:
    return from_standard(Histogram, standard.MESSAGING_PROCESS_DURATION)


@cache
def _active() -> Gauge:
    return from_standard(Gauge, standard.MESSAGING_PROCESS_ACTIVE)


@cache
def _sent() -> Counter:
    return from_standard(Counter, standard.MESSAGING_SENT)
