"""`spanwise.span`: a span around a piece of the service's own code.

    with spanwise.span("load basket", **{"basket.id": 7}) as span:
        ...

    @spanwise.span("rank results")
    async def rank(results): ...

What was current before is made current again by attaching it, never by the token of attaching: a token is good in one
context only, and a generator may be closed in another thread, task or context than it began in (that is what makes
OpenTelemetry's own `use_span` log "Failed to detach context").

Inside of a trace that is not sampled there is no span at all: the current one is handed out again.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import nullcontext
from functools import wraps
from types import TracebackType
from typing import Any, TypeVar, cast

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, StatusCode, TracerProvider, get_current_span, set_span_in_context
from opentelemetry.util.types import AttributeValue

from spanwise import __version__
from spanwise.tracing.spans import UnsampledSpan, exception_name

_F = TypeVar("_F", bound=Callable[..., Any])
_tracer: tuple[TracerProvider, trace.Tracer] | None = None


class span:
    """A context manager for one `with` at a time, and a decorator for functions, coroutines and (async) generators.

    A decorated generator's span lasts from its first item to its end and is current only while the generator runs its
    own code. An exception that leaves the code is recorded and sets the status; a generator that is closed early, a
    cancelled task and an interrupt are no errors. Attributes whose names have dots are given as `**{"order.id": 7}`.
    """

    __slots__ = ("_attributes", "_before", "_name", "_own")

    def __init__(self, name: str, /, **attributes: AttributeValue) -> None:
        self._name = name
        self._attributes = attributes
        self._before: Context | None = None
        self._own: Span | None = None

    def __enter__(self) -> Span:
        own = self._own = self._start()
        if own is None:
            return get_current_span()
        self._before = otel_context.get_current()
        otel_context.attach(set_span_in_context(own, self._before))
        return own

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        own, self._own = self._own, None
        if own is None:
            return
        if self._before is not None and get_current_span() is own:
            otel_context.attach(self._before)
        self._before = None
        _end(own, error)

    def __call__(self, function: _F) -> _F:
        if inspect.isasyncgenfunction(function):
            return cast(_F, self._around_async_generator(function))
        if inspect.isgeneratorfunction(function):
            return cast(_F, self._around_generator(function))
        if inspect.iscoroutinefunction(function):
            return cast(_F, self._around_coroutine(function))
        return cast(_F, self._around_function(function))

    def _start(self) -> Span | None:
        """A started span that is not current yet, or None inside of a trace that is not sampled."""
        current = get_current_span()
        if type(current) is UnsampledSpan:
            return None
        if not current.is_recording():
            context = current.get_span_context()
            if context.is_valid and not context.is_remote and not context.trace_flags.sampled:
                return None
        return _get_tracer().start_span(self._name, attributes=self._attributes)

    def _around_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with span(self._name, **self._attributes):
                return function(*args, **kwargs)

        return call

    def _around_coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            with span(self._name, **self._attributes):
                return await function(*args, **kwargs)

        return call

    def _around_generator(self, function: Callable[..., Generator[Any, Any, Any]]) -> Callable[..., Any]:
        @wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            own = self._start()
            generator = function(*args, **kwargs)
            if own is None:
                return (yield from generator)
            return (yield from _generate(generator, own))

        return generate

    def _around_async_generator(self, function: Callable[..., AsyncGenerator[Any, Any]]) -> Callable[..., Any]:
        @wraps(function)
        async def generate(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            own = self._start()
            steps = _Steps(own) if own is not None else nullcontext()
            problem: BaseException | None = None
            generator = function(*args, **kwargs)
            resume: Callable[[Any], Any] = generator.asend
            value: Any = None
            try:
                while True:
                    try:
                        with steps:
                            item = await resume(value)
                    except StopAsyncIteration:
                        return
                    try:
                        value = yield item
                        resume = generator.asend
                    except GeneratorExit:
                        with steps:
                            await generator.aclose()
                        raise
                    except BaseException as error:
                        resume, value = generator.athrow, error
            except BaseException as error:
                problem = error
                raise
            finally:
                _end(own, problem)

        return generate


class _Steps:
    """The context in which a generator's own code runs, kept from one step to the next."""

    __slots__ = ("_before", "_inside", "_own")

    def __init__(self, own: Span) -> None:
        self._own = own
        self._inside = set_span_in_context(own)
        self._before = otel_context.get_current()

    def __enter__(self) -> None:
        self._before = otel_context.get_current()
        otel_context.attach(self._inside)

    def __exit__(self, *_: object) -> None:
        self._inside = otel_context.get_current()  # a `with span` around a `yield` is still open
        otel_context.attach(self._before)


def _generate(generator: Generator[Any, Any, Any], own: Span) -> Generator[Any, Any, Any]:
    """`yield from generator`, with `own` current during each step and ended after the last."""
    steps = _Steps(own)
    problem: BaseException | None = None
    resume: Callable[[Any], Any] = generator.send
    value: Any = None
    try:
        while True:
            try:
                with steps:
                    item = resume(value)
            except StopIteration as stop:
                return stop.value
            try:
                value = yield item
                resume = generator.send
            except GeneratorExit:
                with steps:
                    generator.close()
                raise
            except BaseException as error:
                resume, value = generator.throw, error
    except BaseException as error:
        problem = error
        raise
    finally:
        _end(own, problem)


def _end(own: Span | None, error: BaseException | None) -> None:
    if own is None:
        return
    if isinstance(error, Exception):
        name = exception_name(type(error))
        own.record_exception(error)
        own.set_attribute("error.type", name)
        own.set_status(StatusCode.ERROR, name)  # the message may hold what nobody should read in a list of spans
    own.end()


def _get_tracer() -> trace.Tracer:
    """Our tracer of the provider that is global now; looked up once for each provider."""
    global _tracer
    provider = trace.get_tracer_provider()
    known = _tracer
    if known is None or known[0] is not provider:
        known = _tracer = (provider, provider.get_tracer("spanwise", __version__))
    return known[1]
