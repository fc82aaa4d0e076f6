"""The hand-written encoder against the protobuf library and OpenTelemetry's own encoder."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from spanwise.redaction import Redaction
from spanwise.tracing import otlp
from spanwise.tracing.otlp import encode_parts, encode_request, encode_span
from spanwise.tracing.spans import RecordedSpan
from spanwise.tracing.tracecontext import trace_state
from tests.instrument.collector_sink import attributes, plain
from tests.instrument.pipeline import Memory, Pipeline

REDACTION = Redaction()
# Nothing that is redacted: the standard encoder knows of no secrets.
texts = st.text(max_size=80).filter(lambda text: REDACTION.text(text) == text)
integers = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(allow_nan=False)
scalars = st.one_of(texts, st.booleans(), integers, floats)
values: st.SearchStrategy[Any] = st.one_of(
    scalars,
    st.binary(max_size=40),
    st.lists(texts, max_size=4),
    st.lists(st.booleans(), max_size=4),
    st.lists(integers, max_size=4),
    st.lists(floats, max_size=4),
)
keys = st.text(min_size=1, max_size=20).filter(lambda key: "." not in key)
attribute_sets = st.dictionaries(keys, values, max_size=6)
contexts = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.booleans(),
    st.sampled_from([TraceFlags(0), TraceFlags(1), TraceFlags(3)]),
    st.sampled_from(["", "ot=th:8", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"]).map(trace_state),
)
times = st.integers(1, 2**63 - 1)


@st.composite
def span_arguments(draw: st.DrawFn) -> dict[str, Any]:
    start = draw(times)
    return {
        "name": draw(texts),
        "parent": draw(st.none() | contexts),
        "kind": draw(st.sampled_from(SpanKind)),
        "attributes": draw(attribute_sets),
        "events": draw(st.lists(st.tuples(texts, attribute_sets, times), max_size=3)),
        "links": draw(st.lists(st.tuples(contexts, attribute_sets), max_size=3)),
        "status": draw(st.sampled_from([None, StatusCode.OK, StatusCode.ERROR])),
        "start": start,
        "end": draw(st.integers(start, 2**63 - 1)),
    }


def sdk_span(memory: Memory, provider: TracerProvider, scope: tuple[Any, ...], given: dict[str, Any]) -> ReadableSpan:
    parent = given["parent"]
    span = provider.get_tracer(*scope).start_span(
        given["name"],
        set_span_in_context(NonRecordingSpan(parent)) if parent is not None and parent.trace_flags.sampled else None,
        given["kind"],
        given["attributes"],
        [Link(context, more) for context, more in given["links"]],
        given["start"],
    )
    for name, more, time in given["events"]:
        span.add_event(name, more, time)
    if given["status"] is not None:
        span.set_status(Status(given["status"], "why" if given["status"] is StatusCode.ERROR else None))
    span.end(given["end"])
    return memory.spans[-1]


def decoded(body: bytes) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(body)


def grouped(message: ExportTraceServiceRequest) -> dict[tuple[bytes, ...], list[SpanMessage]]:
    """Spans by resource and scope: requests may group them as they like. Of flags and links only what both write."""
    found: dict[tuple[bytes, ...], list[SpanMessage]] = {}
    for group in message.resource_spans:
        for scope in group.scope_spans:
            key = (
                group.resource.SerializeToString(deterministic=True),
                group.schema_url.encode(),
                scope.scope.SerializeToString(deterministic=True),
                scope.schema_url.encode(),
            )
            for span in scope.spans:
                copy = SpanMessage()
                copy.CopyFrom(span)
                copy.flags &= ~0xFF
                for link in copy.links:
                    link.flags &= ~0xFF
                    link.trace_state = ""
                found.setdefault(key, []).append(copy)
    return found


def same(spans: list[ReadableSpan]) -> None:
    ours, theirs = decoded(encode_request(spans)), encode_spans(spans)
    assert grouped(ours) == grouped(theirs)


@settings(max_examples=60, deadline=None)
@given(st.lists(span_arguments(), min_size=1, max_size=4), attribute_sets, st.randoms(use_true_random=False))
def test_sdk_spans_as_opentelemetry_encodes_them(
    many: list[dict[str, Any]], resource: dict[str, Any], choice: random.Random
) -> None:
    memory = Memory()
    providers = []
    for schema in (None, "https://schema.test/resource"):
        provider = TracerProvider(resource=Resource(resource, schema), shutdown_on_exit=False)
        provider.add_span_processor(memory)
        providers.append(provider)
    scopes: list[tuple[Any, ...]] = [
        ("one",),
        ("two", "1.2"),
        ("three", "1", "https://schema.test/scope", {"key": "value", "n": 3}),
    ]
    same([sdk_span(memory, choice.choice(providers), choice.choice(scopes), one) for one in many])


@settings(max_examples=60, deadline=None)
@given(span_arguments())
def test_recorded_spans_as_opentelemetry_encodes_them(given: dict[str, Any]) -> None:
    pipeline = Pipeline()
    context = SpanContext(7, 8, False, TraceFlags(1), trace_state("ot=th:8"))
    span = RecordedSpan(pipeline.sink, given["name"], given["kind"], context, given["parent"], given["start"], {})
    span.set_attributes(given["attributes"])
    for name, more, time in given["events"]:
        span.add_event(name, more, time)
    for linked, more in given["links"]:
        span.add_link(linked, more)
    if given["status"] is not None:
        span.set_status(given["status"])
    span.end(given["end"])
    same([pipeline.span])


def recorded(attributes: dict[str, Any], **more: Any) -> RecordedSpan:
    pipeline = Pipeline()
    span = RecordedSpan(
        pipeline.sink,
        more.get("name", "x"),
        SpanKind.SERVER,
        more.get("context", SpanContext(7, 8, False, TraceFlags(1))),
        more.get("parent"),
        more.get("start", 1000),
        attributes,
    )
    span.end(more.get("end", 2000))
    return span


def only(span: ReadableSpan) -> SpanMessage:
    return SpanMessage.FromString(encode_span(span))


def value_of(value: Any) -> Any:
    return plain(only(recorded({"key": value})).attributes[0])


def test_flags_tell_the_sampling_and_where_the_parent_is() -> None:
    here, elsewhere = SpanContext(7, 9, False, TraceFlags(1)), SpanContext(7, 9, True, TraceFlags(1))
    for parent, expected in ((None, 0x101), (here, 0x101), (elsewhere, 0x301)):
        message = only(recorded({}, parent=parent))
        assert message.flags == expected
        assert message.parent_span_id == (b"" if parent is None else (9).to_bytes(8, "big"))


def test_a_link_keeps_its_trace_state_and_flags() -> None:
    pipeline = Pipeline()
    other = SpanContext(3, 4, True, TraceFlags(3), trace_state("a=1"))
    pipeline.tracer.start_span("x", links=[Link(other)]).end()
    link = only(pipeline.span).links[0]
    assert (link.trace_state, link.flags) == ("a=1", 0x303)


@pytest.mark.parametrize("value", [0, 1, -1, 127, 128, 2**31, -(2**31), 2**63 - 1, -(2**63)])
def test_integers(value: int) -> None:
    assert value_of(value) == value


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**64, 10**40])
def test_integers_that_do_not_fit_are_written_out(value: int) -> None:
    # opentelemetry-specification, common/attribute-type-mapping: an integer outside 64 bits is a string.
    assert value_of(value) == str(value)


def test_an_integer_too_long_to_write_in_decimal() -> None:
    assert value_of(10**5000) == hex(10**5000)


def test_not_a_number_and_infinity() -> None:
    assert value_of(float("inf")) == float("inf")
    assert value_of(float("nan")) != value_of(float("nan"))


def test_a_lone_surrogate_does_not_spoil_the_request() -> None:
    span = recorded({"key \ud800": "value \udfff"}, name="name \ud800")
    message = only(span)
    assert message.name == "name ?"
    assert attributes(message) == {"key ?": "value ?"}


def test_none_is_an_empty_value() -> None:
    assert value_of(None) is None


def test_nested_values() -> None:
    nested = {"a": [1, "two", None, {"b": b"\x00\xff", "c": [True, [1.5]]}], 5: "number as key"}
    top = value_of(nested)
    inner = {pair.key: pair.value for pair in top.values}
    assert set(inner) == {"a", "5"}
    array = inner["a"].array_value.values
    assert [item.WhichOneof("value") for item in array] == ["int_value", "string_value", None, "kvlist_value"]
    deepest = {pair.key: pair.value for pair in array[3].kvlist_value.values}
    assert deepest["b"].bytes_value == b"\x00\xff"
    assert deepest["c"].array_value.values[0].bool_value is True
    assert deepest["c"].array_value.values[1].array_value.values[0].double_value == 1.5


def test_other_objects_are_their_text() -> None:
    class Money:
        def __str__(self) -> str:
            return "5 EUR"

    assert value_of(Money()) == "5 EUR"


def test_subclasses_count_as_what_they_are() -> None:
    class Name(str):
        pass

    class Number(int):
        pass

    assert value_of(Name("x")) == "x"
    assert value_of(Number(5)) == 5
    assert value_of(True) is True


def test_equal_values_of_other_types_are_not_mixed_up() -> None:
    # 1 == True == 1.0: a cache that forgot the type would answer one for the other
    assert [type(value_of(value)) for value in (1, True, 1.0, "1")] == [int, bool, float, str]


def test_the_cache_of_texts_stays_bounded() -> None:
    for number in range(otlp._MAX_CACHED + 100):
        otlp._attribute(b"\x0a", "key", f"text {number}")
    assert len(otlp._cached_attributes) <= otlp._MAX_CACHED
    assert value_of("text 1") == "text 1"
    assert value_of("x" * 10_000) == "x" * 10_000


def test_a_span_that_ended_before_it_began_ends_when_it_began() -> None:
    message = only(recorded({}, start=5000, end=4000))
    assert message.end_time_unix_nano == message.start_time_unix_nano == 5000


def test_dropped_counts() -> None:
    memory = Memory()
    limits = SpanLimits(max_span_attributes=2, max_events=1, max_links=1, max_event_attributes=1, max_link_attributes=1)
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(memory)
    link = Link(SpanContext(1, 2, False), {"a": 1, "b": 2})
    span = provider.get_tracer("x").start_span("x", attributes=dict.fromkeys("abcde", 1), links=[link, link])
    for _ in range(4):
        span.add_event("e", {"a": 1, "b": 2})
    span.end()
    message = only(memory.spans[0])
    assert (message.dropped_attributes_count, message.dropped_events_count, message.dropped_links_count) == (3, 3, 1)
    assert message.events[0].dropped_attributes_count == 1
    same(memory.spans)


def test_spans_of_one_scope_keep_their_order() -> None:
    pipeline = Pipeline()
    for number in range(10):
        pipeline.tracer.start_span(str(number)).end()
    message = decoded(encode_request(pipeline.spans))
    assert len(message.resource_spans) == len(message.resource_spans[0].scope_spans) == 1
    assert [span.name for span in message.resource_spans[0].scope_spans[0].spans] == [str(n) for n in range(10)]


def test_requests_joined_are_one_request() -> None:
    pipeline = Pipeline()
    for name in "ab":
        pipeline.tracer.start_span(name).end()
    joined = decoded(encode_request(pipeline.spans[:1]) + encode_request(pipeline.spans[1:]))
    assert len(joined.resource_spans) == 2


def test_nothing_is_nothing() -> None:
    assert encode_request([]) == b""


def test_gives_way_once_a_span() -> None:
    pipeline = Pipeline()
    for name in "abc":
        pipeline.tracer.start_span(name).end()
    calls: list[int] = []
    parts = encode_parts(pipeline.spans, lambda: calls.append(1))
    assert len(calls) == 3
    assert b"".join(parts) == encode_request(pipeline.spans)


def test_a_scope_is_optional() -> None:
    span = ReadableSpan("x", SpanContext(1, 2, False), resource=Resource({}), instrumentation_scope=None)
    message = decoded(encode_request([span]))
    assert message.resource_spans[0].scope_spans[0].spans[0].name == "x"
    with pytest.raises(ValueError, match="'y' has no context"):
        encode_span(ReadableSpan("y", None, instrumentation_scope=InstrumentationScope("z")))


def test_a_span_that_cannot_be_encoded_is_left_out_and_told() -> None:
    pipeline = Pipeline()
    pipeline.tracer.start_span("good").end()
    bad = ReadableSpan("bad", None)
    told: list[tuple[str, str]] = []
    spans = [bad, *pipeline.spans, bad]
    parts = encode_parts(spans, refused=lambda span, error: told.append((span.name, str(error))))
    assert b"".join(parts) == encode_request(pipeline.spans)
    assert told == [("bad", "span 'bad' has no context")] * 2
    with pytest.raises(ValueError, match="'bad' has no context"):
        encode_request(spans)
