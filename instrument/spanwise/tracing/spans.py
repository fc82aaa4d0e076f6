"""The spans of the request path: one for sampled requests that costs a fifth of the SDK's, one that costs nothing.

Both are ordinary OpenTelemetry spans to everybody else: `trace.get_current_span()`, `inject()`, a child started by any
instrumentation and a third-party SpanProcessor see what they expect.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from random import getrandbits
from time import time_ns
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, SpanProcessor
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.util.types import Attributes, AttributeValue

from spanwise.tracing.sampling import RANDOMNESS_BITS
from spanwise.tracing.tracecontext import RANDOM, Parent, trace_flags, trace_state

UNSET = Status(StatusCode.UNSET)


def new_span_id() -> int:
    return getrandbits(64) or 1


def new_trace_id(randomness: int) -> int:
    """A trace id whose last 56 bits are `randomness`, on which the sampling decision was made."""
    return (getrandbits(72) << RANDOMNESS_BITS | randomness) or 1


class SpanSink:
    """What every span of a process shares: its resource, scope and limits, and who takes it when it ends.

    `exports`: whether it goes anywhere from there; if not, no span is kept for its own sake.
    """

    __slots__ = ("cuts_texts", "exports", "limits", "processor", "resource", "scope")

    def __init__(
        self,
        resource: Resource,
        scope: InstrumentationScope,
        limits: SpanLimits,
        processor: SpanProcessor,
        *,
        exports: bool = True,
    ) -> None:
        self.exports = exports
        self.resource = resource
        self.scope = scope
        self.limits = limits
        self.cuts_texts = limits.max_span_attribute_length is not None
        self.processor = processor


class RecordedSpan(Span, ReadableSpan):
    """A sampled span. Its own attributes are a plain dict; limits and checks begin when somebody else adds to it."""

    def __init__(
        self,
        sink: SpanSink,
        name: str,
        kind: SpanKind,
        context: SpanContext,
        parent: SpanContext | None,
        start_time_ns: int,
        attributes: dict[str, Any],
    ) -> None:
        # ReadableSpan's fields, set here because its own constructor would look up a default resource.
        self._sink = sink
        self._name = name
        self._context = context
        self._kind = kind
        self._instrumentation_info = None
        self._instrumentation_scope = sink.scope
        self._parent = parent
        self._start_time = start_time_ns
        self._end_time: int | None = None
        self._attributes: Any = attributes
        self._events: Any = ()
        self._links: Any = ()
        self._resource = sink.resource
        self._status = UNSET

    def get_span_context(self) -> SpanContext:
        return self._context  # type: ignore[return-value]

    def is_recording(self) -> bool:
        return self._end_time is None

    def fill(self, attributes: dict[str, Any]) -> None:
        """The middleware's own attributes, which need no check; those that a user has set stay."""
        if self._end_time is not None:
            return  # ended by the application itself: it may be in the exporter's hands
        if type(self._attributes) is dict and not self._sink.cuts_texts:
            self._attributes.update(attributes)
            return
        bounded = self._bounded()
        for key, value in attributes.items():
            if key not in bounded:
                bounded[key] = value

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        if self._end_time is None:
            self._bounded()[key] = value

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def _bounded(self) -> BoundedAttributes:
        if type(self._attributes) is dict:
            limits = self._sink.limits
            self._attributes = BoundedAttributes(
                limits.max_span_attributes, self._attributes, False, limits.max_span_attribute_length
            )
        return self._attributes  # type: ignore[no-any-return]

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        if self._end_time is not None:
            return
        limits = self._sink.limits
        if self._events == ():
            self._events = BoundedList(limits.max_events)
        bounded = BoundedAttributes(limits.max_event_attributes, attributes, True, limits.max_attribute_length)
        self._events.append(Event(name, bounded, timestamp or time_ns()))

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        if self._end_time is not None or not (context.is_valid or attributes or context.trace_state):
            return
        limits = self._sink.limits
        if self._links == ():
            self._links = BoundedList(limits.max_links)
        bounded = BoundedAttributes(limits.max_link_attributes, attributes, True, limits.max_attribute_length)
        self._links.append(Link(context, bounded))

    def update_name(self, name: str) -> None:
        if self._end_time is None:
            self._name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        if self._end_time is not None or self._status.status_code is StatusCode.OK:
            return
        wanted = status if isinstance(status, Status) else Status(status, description)
        if wanted.status_code is not StatusCode.UNSET:
            self._status = wanted

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        kind = type(exception)
        recorded: dict[str, AttributeValue] = {
            "exception.type": exception_name(kind),
            "exception.message": _message(exception),
            "exception.stacktrace": "".join(traceback.format_exception(kind, exception, exception.__traceback__)),
            "exception.escaped": str(escaped),
        }
        recorded.update(attributes or {})
        self.add_event("exception", recorded, timestamp)

    def end(self, end_time: int | None = None) -> None:
        if self._end_time is None:
            self._end_time = end_time or time_ns()
            self._sink.processor.on_end(self)


class UnsampledSpan(Span):
    """A request that is not sampled: nothing is recorded, and its ids are made only when somebody asks for them."""

    __slots__ = ("_context", "_parent", "_randomness")

    def __init__(self, randomness: int, parent: Parent | None) -> None:
        self._randomness = randomness
        self._parent = parent
        self._context: SpanContext | None = None

    def get_span_context(self) -> SpanContext:
        if self._context is None:
            parent = self._parent
            if parent is None:
                trace_id = new_trace_id(self._randomness)
                self._context = SpanContext(trace_id, new_span_id(), False, trace_flags(RANDOM))
            else:
                flags = trace_flags(parent.flags & RANDOM)
                state = trace_state(parent.tracestate)
                self._context = SpanContext(parent.trace_id, new_span_id(), False, flags, state)
        return self._context

    def is_recording(self) -> bool:
        return False

    def end(self, end_time: int | None = None) -> None:
        pass

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        pass

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        pass

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        pass

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        pass

    def update_name(self, name: str) -> None:
        pass

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        pass

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        pass


class UntracedSpan(UnsampledSpan):
    """A request that the service wants no spans of: none of its own, its children or its calls, whatever happens."""

    __slots__ = ()


def _message(exception: BaseException) -> str:
    try:
        return str(exception)
    except Exception:
        return ""


def exception_name(kind: type[BaseException]) -> str:
    """`ValueError`, `requests.exceptions.ConnectTimeout`: the convention's exception.type and error.type."""
    module = kind.__module__
    return kind.__qualname__ if module in ("builtins", "") else f"{module}.{kind.__qualname__}"
