"""Consistent probability sampling: the mathematics, and the same decision through OpenTelemetry's own tracer."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context

from spanwise.tracing import sampling
from spanwise.tracing.sampling import (
    MAX_THRESHOLD,
    HeadSampler,
    HeadSampling,
    explicit_randomness,
    kept,
    threshold,
    threshold_text,
    without_threshold,
)
from spanwise.tracing.spans import UnsampledSpan, new_trace_id
from spanwise.tracing.tracecontext import RANDOM, SAMPLED, Parent, member, members, trace_state
from tests.instrument.pipeline import Pipeline

randomness = st.integers(0, MAX_THRESHOLD - 1)


def adjusted_count(text: str) -> float:
    """As a collector reads it: docs/contracts.md, "Trace state"."""
    return MAX_THRESHOLD / (MAX_THRESHOLD - int(text.ljust(14, "0"), 16))


def test_the_ends() -> None:
    assert threshold(1) == 0
    assert threshold_text(threshold(1)) == "0"
    assert threshold(0) == MAX_THRESHOLD
    assert HeadSampling(1.0).samples(0)
    assert not HeadSampling(0.0).samples(MAX_THRESHOLD - 1)


def test_a_tenth() -> None:
    assert threshold_text(threshold(0.1)) == "e666"
    assert adjusted_count("e666") == pytest.approx(10, rel=1e-3)
    assert HeadSampling(0.1).root_state == "ot=th:e666"


def test_a_half_is_exact() -> None:
    assert threshold_text(threshold(0.5)) == "8"
    assert adjusted_count("8") == 2.0


@given(st.floats(1e-9, 1.0))
def test_the_adjusted_count_is_the_rate_s_inverse(rate: float) -> None:
    text = threshold_text(threshold(rate))
    assert adjusted_count(text) == pytest.approx(1 / rate, rel=5e-4)
    assert 1 <= len(text) <= 14
    assert text == text.lower()


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_rate_keeps_what_a_lower_one_keeps(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert threshold(high) <= threshold(low)


@given(st.floats(0, 1), randomness)
def test_the_decision_is_that_of_the_written_threshold(rate: float, drawn: int) -> None:
    head = HeadSampling(rate)
    if rate > 0:
        written = int(member(head.root_state, "ot").removeprefix("th:").ljust(14, "0"), 16)
        assert head.samples(drawn) == (drawn >= written)


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.9])
def test_the_share_is_the_rate(rate: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "getrandbits", random.Random(20261121).getrandbits)
    head, count = HeadSampling(rate), 50_000
    share = sum(head.samples(head.draw()) for _ in range(count)) / count
    assert abs(share - rate) < 5 * math.sqrt(rate * (1 - rate) / count)


def test_the_rate_can_change() -> None:
    head = HeadSampling(0.0)
    assert not head.samples(MAX_THRESHOLD - 1)
    head.set_rate(1.0)
    assert head.samples(0)
    assert head.root_state == "ot=th:0"


@given(randomness)
def test_a_new_trace_id_ends_in_its_randomness(drawn: int) -> None:
    assert new_trace_id(drawn) & (MAX_THRESHOLD - 1) == drawn or drawn == 0


@given(randomness)
def test_an_unsampled_span_s_ids_are_made_once_and_hold_the_draw(drawn: int) -> None:
    span = UnsampledSpan(drawn or 1, None)
    context = span.get_span_context()
    assert context is span.get_span_context()
    assert context.is_valid
    assert not context.trace_flags.sampled
    assert context.trace_flags & RANDOM
    assert context.trace_id & (MAX_THRESHOLD - 1) == (drawn or 1)


def parent(flags: int = 0, state: str = "", trace_id: int = 1) -> Parent:
    return Parent(trace_id, 2, flags, state)


@pytest.mark.parametrize("rate", [0.0, 0.1, 1.0])
def test_parent_based_follows_the_caller(rate: float) -> None:
    head = HeadSampling(rate)
    assert head.follows(parent(SAMPLED))
    assert not head.follows(parent(0))


@given(st.floats(0, 1), randomness, st.sampled_from([0, SAMPLED]))
def test_without_parent_the_trace_id_decides_everywhere_alike(rate: float, drawn: int, flags: int) -> None:
    head = HeadSampling(rate, parent_based=False)
    assert head.follows(parent(flags, trace_id=(7 << 56) | drawn)) == head.samples(drawn)


@given(st.floats(0, 1), randomness)
def test_explicit_randomness_beats_the_trace_id(rate: float, drawn: int) -> None:
    head = HeadSampling(rate, parent_based=False)
    state = f"rojo=1,ot=rv:{drawn:014x}"
    assert head.follows(parent(0, state, trace_id=MAX_THRESHOLD - 1)) == head.samples(drawn)


@given(randomness)
def test_explicit_randomness_is_read(drawn: int) -> None:
    assert explicit_randomness(f"ot=th:8;rv:{drawn:014x}") == drawn
    assert explicit_randomness(f"x=rv:{drawn:014x}") is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1234",
        "0" * 15,
        "0x123456789012",
        "-1234567890123",
        "1_2_3_4_5_6_7_",
        "12345678901_34",
        "G" * 14,
        "ABCDEF12345678",
    ],
)
def test_wrong_explicit_randomness_does_not_count(value: str) -> None:
    assert explicit_randomness(f"ot=rv:{value}") is None


def test_kept_replaces_the_threshold_and_keeps_the_rest() -> None:
    assert kept("first") == "spanwise=kept:first"
    text = kept("slow", "rojo=1,ot=th:e666;rv:12345678901234;p:8")
    assert dict(members(text)) == {"spanwise": "kept:slow", "rojo": "1", "ot": "rv:12345678901234;p:8"}
    assert members(text)[0][0] == "spanwise"
    assert dict(members(kept("error", "ot=th:8"))) == {"spanwise": "kept:error"}
    assert kept("error", "spanwise=kept:first,a=1") == "spanwise=kept:error,a=1"


def test_without_threshold_leaves_other_members_alone() -> None:
    assert without_threshold("foot=th:1,a=2") == "foot=th:1,a=2"
    assert without_threshold("") == ""
    assert dict(members(without_threshold("a=1,ot=th:8;rv:1"))) == {"a": "1", "ot": "rv:1"}


def test_state_puts_our_threshold_first_and_keeps_other_sub_keys() -> None:
    head = HeadSampling(0.5, parent_based=False)
    assert head.state("a=1,ot=th:e666;rv:12345678901234") == "ot=th:8;rv:12345678901234,a=1"
    assert head.state("") == "ot=th:8"


def remote(flags: int, state: str = "", trace_id: int = 5) -> SpanContext:
    return SpanContext(trace_id, 6, True, TraceFlags(flags), trace_state(state))


def test_children_follow_through_a_real_tracer() -> None:
    pipeline = Pipeline(0.5)
    for flags, count in ((SAMPLED, 3), (0, 0)):
        pipeline.spans.clear()
        caller = set_span_in_context(NonRecordingSpan(remote(flags, "rojo=1")))
        with (
            pipeline.tracer.start_as_current_span("a", caller),
            pipeline.tracer.start_as_current_span("b"),
            pipeline.tracer.start_as_current_span("c"),
        ):
            pass
        assert len(pipeline.spans) == count
        assert all(span.context.trace_id == 5 for span in pipeline.spans)
        assert all(dict(span.context.trace_state) == {"rojo": "1"} for span in pipeline.spans)


def test_roots_through_a_real_tracer_carry_the_threshold_and_children_inherit_it() -> None:
    pipeline = Pipeline(0.5)
    for _ in range(200):
        with pipeline.tracer.start_as_current_span("root"), pipeline.tracer.start_as_current_span("child"):
            pass
    assert 100 < len(pipeline.spans) < 300
    assert len(pipeline.spans) % 2 == 0
    for span in pipeline.spans:
        assert dict(span.context.trace_state) == {"ot": "th:8"}
        assert span.context.trace_id & (MAX_THRESHOLD - 1) >= MAX_THRESHOLD // 2


def test_without_parent_a_real_tracer_decides_again_for_remote_parents_only() -> None:
    pipeline = Pipeline(1.0, parent_based=False)
    with pipeline.tracer.start_as_current_span(
        "a", set_span_in_context(NonRecordingSpan(remote(0, "ot=rv:" + "1" * 14)))
    ):
        pass
    assert dict(pipeline.span.context.trace_state) == {"ot": "th:0;rv:" + "1" * 14}
    pipeline.spans.clear()
    local = SpanContext(5, 6, False, TraceFlags(0))
    pipeline.tracer.start_span("b", set_span_in_context(NonRecordingSpan(local))).end()
    assert pipeline.spans == []


def test_the_sampler_says_what_it_is() -> None:
    assert HeadSampler(HeadSampling(0.25)).get_description() == "HeadSampler{rate=0.25, parent_based=True}"
    assert HeadSampler(HeadSampling(0)).should_sample(None, 5, "x", SpanKind.INTERNAL).decision.is_sampled() is False
