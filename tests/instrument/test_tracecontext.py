"""W3C Trace Context, level 2: what is accepted, what is refused, and the same ids as OpenTelemetry's own propagator."""

from __future__ import annotations

import logging
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from spanwise.tracing.tracecontext import (
    MAX_TRACESTATE_CHARACTERS,
    Parent,
    member,
    members,
    parse,
    trace_state,
    trace_state_text,
    traceparent,
    with_member,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
VALID = f"00-{TRACE}-{SPAN}-01"

trace_ids = st.integers(1, 2**128 - 1)
span_ids = st.integers(1, 2**64 - 1)
_KEY = st.from_regex(r"[a-z][a-z0-9_\-*/]{0,20}(@[a-z][a-z0-9]{0,10})?", fullmatch=True)
_VALUE = (
    st.text(alphabet="".join(c for c in string.printable if " " <= c <= "~" and c not in ",="), min_size=1, max_size=30)
    .map(str.strip)
    .filter(bool)
)
states = st.dictionaries(_KEY, _VALUE, max_size=10)


def test_valid() -> None:
    assert parse(VALID) == Parent(int(TRACE, 16), int(SPAN, 16), 1, "")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        "garbage",
        VALID[:-1],  # flags too short
        f"{VALID}1",  # flags too long
        f"{VALID}-",  # version 00 has nothing more
        f"{VALID}-what-the-future-will-be-like",
        f"{VALID}.1",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"00-{TRACE}-{SPAN}-0A",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00-{TRACE}-{SPAN[:-1]}-01",
        f"00-{TRACE}-{SPAN}0-01",
        f"00-{TRACE[:-1]}.-{SPAN}-01",
        f"00-{TRACE}-{SPAN[:-1]}.-01",
        f"00-{TRACE}-{SPAN}-.0",
        f"00-{TRACE}-{SPAN}-0.",
        f"00-{TRACE}-{SPAN}",
        f"00_{TRACE}_{SPAN}_01",
        f"0-{TRACE}-{SPAN}-01",
        f"000-{TRACE}-{SPAN}-01",
        f".0-{TRACE}-{SPAN}-01",
        f"0.-{TRACE}-{SPAN}-01",
        f"FF-{TRACE}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",  # forbidden
        f"ff-{TRACE}-{SPAN}-01-more",
        f"CC-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01.what-the-future-will-be-like",
        f"cc-{TRACE}-{SPAN}-011",
        f"cc-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",  # two headers, joined
        f"00 -{TRACE}-{SPAN}-01",
        f"00-{TRACE}- {SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n00-{TRACE}-{SPAN}-01",
        f"00-{'٠' * 31}1-{SPAN}-01",  # digits, but not ASCII ones
    ],
)
def test_invalid(header: str) -> None:
    assert parse(header, "rojo=1") is None


@pytest.mark.parametrize("header", [f" {VALID}", f"{VALID} ", f"\t{VALID}\t"])
def test_whitespace_around_is_no_part_of_it(header: str) -> None:
    assert parse(header) is not None


@pytest.mark.parametrize("rest", ["", "-", "-what-the-future-will-be-like"])
def test_later_versions_may_say_more(rest: str) -> None:
    parent = parse(f"cc-{TRACE}-{SPAN}-01{rest}")
    assert parent is not None
    assert (parent.trace_id, parent.span_id, parent.flags) == (int(TRACE, 16), int(SPAN, 16), 1)


@pytest.mark.parametrize(("flags", "known"), [("00", 0), ("01", 1), ("02", 2), ("03", 3), ("ff", 3), ("fc", 0)])
def test_unknown_flags_are_not_passed_on(flags: str, known: int) -> None:
    parent = parse(f"00-{TRACE}-{SPAN}-{flags}")
    assert parent is not None
    assert parent.flags == known


@given(trace_ids, span_ids, st.integers(0, 3), states)
def test_what_opentelemetry_writes_we_read(trace_id: int, span_id: int, flags: int, state: dict[str, str]) -> None:
    carrier: dict[str, str] = {}
    text = ",".join(f"{key}={value}" for key, value in state.items())
    context = SpanContext(trace_id, span_id, False, TraceFlags(flags), trace_state(text))
    TraceContextTextMapPropagator().inject(carrier, set_span_in_context(NonRecordingSpan(context), Context()))
    parent = parse(carrier["traceparent"], carrier.get("tracestate", ""))
    assert parent is not None
    assert (parent.trace_id, parent.span_id, parent.flags) == (trace_id, span_id, flags)
    assert dict(members(parent.tracestate)) == state
    seen = parent.context()
    assert (seen.trace_id, seen.span_id, seen.is_remote, dict(seen.trace_state)) == (trace_id, span_id, True, state)


@given(trace_ids, span_ids, st.integers(0, 3), states)
def test_what_we_write_opentelemetry_reads(trace_id: int, span_id: int, flags: int, state: dict[str, str]) -> None:
    text = ",".join(f"{key}={value}" for key, value in state.items())
    ours = SpanContext(trace_id, span_id, False, TraceFlags(flags), trace_state(text))
    carrier = {"traceparent": traceparent(ours), "tracestate": trace_state_text(ours.trace_state)}
    theirs = get_current_span(TraceContextTextMapPropagator().extract(carrier, Context())).get_span_context()
    assert (theirs.trace_id, theirs.span_id, theirs.trace_flags) == (trace_id, span_id, flags)
    assert dict(theirs.trace_state) == state


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    parse(text, text)
    parse(VALID, text)
    trace_state(text)


def test_an_overlong_tracestate_is_dropped_and_the_parent_is_not() -> None:
    parent = parse(VALID, "a=" + "x" * MAX_TRACESTATE_CHARACTERS)
    assert parent is not None
    assert parent.tracestate == ""
    assert trace_state(parent.tracestate) is None


def test_512_characters_of_tracestate_are_passed_on() -> None:
    text = f"a={'x' * 200},b={'y' * 200},c={'z' * 104}"
    assert len(text) == 512
    parent = parse(VALID, text)
    assert parent is not None
    assert trace_state_text(parent.context().trace_state) == text


def test_32_members_at_most() -> None:
    allowed = [(f"k{number}", "v") for number in range(32)]
    text = ",".join(f"{key}={value}" for key, value in allowed)
    assert members(text) == allowed
    assert members(f"{text},k32=v") == []


def test_empty_members_and_whitespace_are_skipped() -> None:
    assert members("a=1, ,, b=2 ,\tc=3") == [("a", "1"), ("b", "2"), ("c", "3")]


def test_a_key_twice_spoils_all() -> None:
    assert members("a=1,b=2,a=3") == []


@pytest.mark.parametrize(
    "hostile", ["a=1,A=2", "a=1,b=x=y", "a=1,@=2", "a=1,b=", f"a=1,{'k' * 300}=2", "a=1,b=ü", f"a=1,t@{'k' * 20}=2"]
)
def test_hostile_members_do_not_fill_the_log(hostile: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        state = trace_state(hostile)
    assert caplog.records == []
    assert not state  # not valid as a whole, so not passed on


def test_a_member_by_its_key() -> None:
    assert member("rojo=1,ot=th:8;rv:1", "ot") == "th:8;rv:1"
    assert member("foot=1", "ot") == ""
    assert member("", "ot") == ""


def test_a_changed_member_comes_first() -> None:
    assert with_member("a=1,b=2", "b", "3") == "b=3,a=1"
    assert with_member("a=1,b=2", "c", "3") == "c=3,a=1,b=2"
    assert with_member("a=1,b=2", "a", "") == "b=2"
    full = ",".join(f"k{number}=v" for number in range(32))
    assert len(members(with_member(full, "ot", "th:8"))) == 32


def test_no_state_is_no_object() -> None:
    assert trace_state("") is None
    assert not SpanContext(1, 1, False, TraceFlags(1), trace_state("")).trace_state
