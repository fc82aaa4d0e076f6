"""The spans of the request path behave as OpenTelemetry's do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, use_span

from spanwise.tracing.spans import RecordedSpan, SpanSink, UnsampledSpan, exception_name
from spanwise.tracing.tracecontext import RANDOM, SAMPLED, Parent
from tests.instrument.pipeline import Memory, Pipeline


def recorded(limits: SpanLimits | None = None) -> tuple[RecordedSpan, Memory]:
    memory = Memory()
    sink = SpanSink(Resource({"a": "b"}), InstrumentationScope("spanwise"), limits or SpanLimits(), memory)
    context = SpanContext(7, 8, False, TraceFlags(1))
    return RecordedSpan(sink, "GET", SpanKind.SERVER, context, None, 1000, {"own": "attribute"}), memory


def sdk(limits: SpanLimits | None = None) -> tuple[Span, Memory]:
    memory = Memory()
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(memory)
    return provider.get_tracer("x").start_span("GET", attributes={"own": "attribute"}, start_time=1000), memory


def use_everything(span: Span) -> None:
    span.set_attribute("a", 1)
    span.set_attributes({"b": ["x", "y"], "own": "changed"})
    span.set_attribute("wrong", object())  # type: ignore[arg-type]
    span.set_attribute("", "no key")
    span.add_event("event", {"c": True}, 1500)
    span.add_link(SpanContext(1, 2, True, TraceFlags(1)), {"d": 2.5})
    span.add_link(SpanContext(0, 0, False))
    span.update_name("renamed")
    span.set_status(Status(StatusCode.ERROR, "why"))
    span.set_status(StatusCode.UNSET)
    span.end(2000)
    span.set_attribute("late", 1)
    span.add_event("late")
    span.add_link(SpanContext(1, 2, True))
    span.update_name("late")
    span.set_status(StatusCode.OK)
    span.end(3000)


def facts(span: ReadableSpan) -> dict[str, Any]:
    return {
        "name": span.name,
        "attributes": dict(span.attributes or {}),
        "events": [(event.name, dict(event.attributes or {}), event.timestamp) for event in span.events],
        "links": [(link.context.trace_id, dict(link.attributes or {})) for link in span.links],
        "status": (span.status.status_code, span.status.description),
        "times": (span.start_time, span.end_time),
        "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
    }


@pytest.mark.parametrize(
    "limits",
    [
        None,
        SpanLimits(max_span_attributes=2, max_events=0, max_links=0),
        SpanLimits(max_attribute_length=3, max_span_attribute_length=2),
    ],
)
def test_a_recorded_span_does_what_the_sdk_s_does(limits: SpanLimits | None, caplog: pytest.LogCaptureFixture) -> None:
    ours, our_memory = recorded(limits)
    theirs, their_memory = sdk(limits)
    use_everything(ours)
    use_everything(theirs)
    assert len(our_memory.spans) == len(their_memory.spans) == 1
    assert facts(our_memory.spans[0]) == facts(their_memory.spans[0])


def test_status_ok_is_final() -> None:
    span, _ = recorded()
    span.set_status(StatusCode.OK)
    span.set_status(StatusCode.ERROR, "too late")
    assert span.status.status_code is StatusCode.OK


def test_it_is_the_current_span_of_opentelemetry() -> None:
    span, memory = recorded()
    with use_span(span, end_on_exit=True):
        assert trace.get_current_span() is span
        assert trace.get_current_span().is_recording()
    assert not span.is_recording()
    assert memory.spans == [span]


def test_as_a_context_manager_it_records_what_is_raised() -> None:
    span, memory = recorded()
    with pytest.raises(KeyError), span:
        raise KeyError("missing")
    assert memory.spans == [span]


def test_an_exception_is_recorded_as_the_sdk_does() -> None:
    ours, our_memory = recorded()
    theirs, their_memory = sdk()
    try:
        raise ValueError("why")
    except ValueError as error:
        for span in (ours, theirs):
            span.record_exception(error, {"more": "x"}, 1200)
            span.end()
    (our_event,), (their_event,) = our_memory.spans[0].events, their_memory.spans[0].events
    assert dict(our_event.attributes or {}) == dict(their_event.attributes or {})
    assert (our_event.name, our_event.timestamp) == (their_event.name, their_event.timestamp)


def test_an_exception_whose_text_cannot_be_made() -> None:
    class Hostile(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    span, memory = recorded()
    span.record_exception(Hostile())
    span.end()
    event = memory.spans[0].events[0]
    assert event.attributes is not None
    assert "Hostile" in str(event.attributes["exception.type"])


def test_what_the_middleware_fills_in_does_not_replace_what_a_user_set() -> None:
    span, memory = recorded()
    span.set_attribute("http.route", "/mine")
    span.fill({"http.route": "/theirs", "more": 1})
    span.end()
    assert dict(memory.spans[0].attributes or {}) == {"own": "attribute", "http.route": "/mine", "more": 1}


def test_after_its_end_nothing_is_filled_in() -> None:
    span, memory = recorded()
    span.end()
    span.fill({"late": 1})  # the exporter may be reading it
    assert dict(memory.spans[0].attributes or {}) == {"own": "attribute"}


def test_it_can_be_shown_as_json() -> None:
    span, _ = recorded()
    span.end(2000)
    shown = json.loads(span.to_json())
    assert shown["name"] == "GET"
    assert shown["resource"]["attributes"] == {"a": "b"}


def test_unsampled_ids_follow_the_caller() -> None:
    span = UnsampledSpan(0, Parent(0xABC, 2, SAMPLED | RANDOM, "rojo=1"))
    context = span.get_span_context()
    assert (context.trace_id, context.is_remote, dict(context.trace_state)) == (0xABC, False, {"rojo": "1"})
    assert context.trace_flags == RANDOM
    assert context.span_id not in (0, 2)


def test_unsampled_takes_everything_and_keeps_nothing() -> None:
    span = UnsampledSpan(5, None)
    use_everything(span)
    span.record_exception(ValueError("x"))
    assert not span.is_recording()
    pipeline = Pipeline(1.0)
    with use_span(span), pipeline.tracer.start_as_current_span("child") as child:
        assert not child.is_recording()
    assert pipeline.spans == []


@pytest.mark.parametrize(
    ("kind", "name"), [(ValueError, "ValueError"), (json.JSONDecodeError, "json.decoder.JSONDecodeError")]
)
def test_exception_names(kind: type[BaseException], name: str) -> None:
    assert exception_name(kind) == name
