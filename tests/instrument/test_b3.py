"""B3 in both forms: read from either, written in its own, with every sampling state (openzipkin/b3-propagation)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)

from spanwise.tracing.b3 import B3Multi, B3Single, decision
from spanwise.tracing.sampling import HeadSampling

TRACE = "80f198ee56343ba864fe8b2a57d3eff7"
SPAN = "e457b5a2e4d86bd1"
IDS = {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN}


def extracted(headers: dict[str, str], sampling: HeadSampling | None = None) -> tuple[SpanContext, str]:
    """What both propagators read, and the decision that came with it."""
    results = []
    for propagator in (B3Single(sampling), B3Multi(sampling)):
        context = propagator.extract(headers)
        results.append((get_current_span(context).get_span_context(), decision(context)))
    assert results[0] == results[1]
    return results[0]


@pytest.mark.parametrize(
    ("headers", "sampled", "asked"),
    [
        ({"b3": f"{TRACE}-{SPAN}-1"}, True, ""),
        ({"b3": f"{TRACE}-{SPAN}-0"}, False, ""),
        ({"b3": f"{TRACE}-{SPAN}-d"}, True, "d"),
        ({"b3": f"{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90"}, True, ""),
        ({"b3": f"{TRACE.upper()}-{SPAN.upper()}-1"}, True, ""),
        ({**IDS, "x-b3-sampled": "1"}, True, ""),
        ({**IDS, "x-b3-sampled": "0"}, False, ""),
        ({**IDS, "x-b3-sampled": "true", "x-b3-parentspanid": "05e3ac9a4f6e3b90"}, True, ""),
        ({**IDS, "x-b3-sampled": "false"}, False, ""),
        ({**IDS, "x-b3-flags": "1"}, True, "d"),
        ({**IDS, "x-b3-flags": "1", "x-b3-sampled": "0"}, True, "d"),
        ({**IDS, "x-b3-sampled": "0", "b3": f"{TRACE}-{SPAN}-1"}, True, ""),  # the single header first
        ({**IDS, "x-b3-sampled": "1", "b3": "nonsense"}, True, ""),
    ],
)
def test_ids_with_a_decision(headers: dict[str, str], sampled: bool, asked: str) -> None:
    context, decided = extracted(headers)
    assert (f"{context.trace_id:032x}", f"{context.span_id:016x}") == (TRACE, SPAN)
    assert context.is_remote
    assert (context.trace_flags.sampled, decided) == (sampled, asked)
    assert context.trace_state.get("spanwise") == ("kept:forced" if asked else None)


def test_a_trace_id_of_64_bits() -> None:
    assert extracted({"b3": f"{SPAN}-{SPAN}-1"})[0].trace_id == int(SPAN, 16)


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({"b3": "0"}, "0"),
        ({"b3": "1"}, "1"),
        ({"b3": "d"}, "d"),
        ({"x-b3-sampled": "0"}, "0"),
        ({"x-b3-flags": "1"}, "d"),
        ({}, ""),
        ({"b3": ""}, ""),
    ],
)
def test_a_decision_without_ids(headers: dict[str, str], asked: str) -> None:
    context, decided = extracted(headers)
    assert not context.is_valid
    assert decided == asked


@pytest.mark.parametrize(
    "value",
    [
        f"{TRACE}-{'0' * 16}-1",
        f"{'0' * 32}-{SPAN}-1",
        f"{TRACE[:-1]}-{SPAN}-1",
        f"{TRACE}-{SPAN}x-1",
        f"{TRACE}-{SPAN}-2",
        f"{TRACE}-{SPAN}-1-a-b",
        f"{TRACE}",
        "----",
    ],
)
def test_what_is_not_valid_is_no_parent(value: str) -> None:
    assert not extracted({"b3": value})[0].is_valid


@given(st.dictionaries(st.sampled_from(["b3", *IDS, "x-b3-sampled", "x-b3-flags"]), st.text(max_size=70)))
def test_no_header_raises(headers: dict[str, str]) -> None:
    extracted(headers)


def test_a_decision_left_to_us_is_made_by_the_trace_id() -> None:
    sampling = HeadSampling(0.5)
    kept, _ = extracted({"b3": f"{'1' * 18}{'f' * 14}-{SPAN}"}, sampling)
    dropped, _ = extracted({"b3": f"{'1' * 18}{'0' * 13}1-{SPAN}"}, sampling)
    assert kept.trace_flags.sampled and kept.trace_state.to_header() == "ot=th:8"
    assert not dropped.trace_flags.sampled and not dropped.trace_state
    assert not extracted({"b3": f"{TRACE}-{SPAN}"})[0].trace_flags.sampled


def written(propagator: TextMapPropagator, flags: int, state: str = "") -> dict[str, str]:
    carrier: dict[str, str] = {}
    context = SpanContext(
        int(TRACE, 16), int(SPAN, 16), False, TraceFlags(flags), TraceState.from_header([state] if state else [])
    )
    propagator.inject(carrier, set_span_in_context(NonRecordingSpan(context), Context()))
    assert set(carrier) <= propagator.fields
    return carrier


@pytest.mark.parametrize(("flags", "sampled"), [(1, "1"), (0, "0"), (3, "1")])
def test_writing(flags: int, sampled: str) -> None:
    assert written(B3Single(), flags) == {"b3": f"{TRACE}-{SPAN}-{sampled}"}
    assert written(B3Multi(), flags) == {**IDS, "x-b3-sampled": sampled}


def test_a_forced_trace_is_passed_on_as_debug() -> None:
    assert written(B3Single(), 1, "spanwise=kept:forced") == {"b3": f"{TRACE}-{SPAN}-d"}
    assert written(B3Multi(), 1, "spanwise=kept:forced") == {**IDS, "x-b3-flags": "1"}
    assert written(B3Single(), 1, "spanwise=kept:first") == {"b3": f"{TRACE}-{SPAN}-1"}


def test_without_a_span_nothing_is_written() -> None:
    for propagator in (B3Single(), B3Multi()):
        carrier: dict[str, str] = {}
        propagator.inject(carrier, Context())
        assert carrier == {}
