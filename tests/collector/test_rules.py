"""Which spans are refused before the spool."""

from __future__ import annotations

import time

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanwise_collector.intake import SpanRules
from spanwise_collector.intake._rules import Reason
from tests.collector.otlp_requests import DAY, SECOND, request, span

NOW = time.time_ns()
WEEK_S = 7 * 86_400


def rules(max_age_s: float = WEEK_S) -> SpanRules:
    return SpanRules(max_age_s, clock_ns=lambda: NOW)


def with_field(**fields: object) -> Span:
    message = span(start_ns=NOW)
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def with_link(trace_id: bytes, span_id: bytes) -> Span:
    message = span(start_ns=NOW)
    message.links.add(trace_id=trace_id, span_id=span_id)
    return message


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (with_field(trace_id=bytes(17)), Reason.TRACE_ID),
        (with_field(trace_id=b"\1" * 8), Reason.TRACE_ID),
        (with_field(trace_id=b""), Reason.TRACE_ID),
        (with_field(trace_id=bytes(16)), Reason.TRACE_ID),
        (with_field(span_id=b"\1" * 9), Reason.SPAN_ID),
        (with_field(span_id=bytes(8)), Reason.SPAN_ID),
        (with_field(parent_span_id=b"\1" * 7), Reason.PARENT_SPAN_ID),
        (span(start_ns=NOW - 8 * DAY), Reason.TOO_OLD),
        (span(start_ns=0), Reason.TOO_OLD),
        (span(start_ns=NOW + 2 * DAY), Reason.AHEAD),
        (span(start_ns=NOW, duration_ns=2 * DAY), Reason.AHEAD),
        (with_field(end_time_unix_nano=2**64 - 1), Reason.AHEAD),
        (with_link(b"\1" * 15, b"\1" * 8), Reason.LINK_ID),
        (with_link(b"\1" * 16, b""), Reason.LINK_ID),
    ],
)
def test_a_bad_span_is_refused_alone(bad: Span, reason: Reason) -> None:
    before, after = span(start_ns=NOW, name="before"), span(start_ns=NOW, name="after")
    message = request(before, bad, after)
    spans, refusals = rules().apply(message)
    assert spans == 2
    assert dict(refusals.counts) == {reason: 1}
    assert reason.words in refusals.message()
    assert [s.name for s in message.resource_spans[0].scope_spans[0].spans] == ["before", "after"]


@pytest.mark.parametrize(
    "good",
    [
        span(start_ns=NOW),
        span(start_ns=NOW - 6 * DAY),
        span(start_ns=NOW + DAY - SECOND, duration_ns=0),
        span(start_ns=NOW, duration_ns=-SECOND),
        with_field(end_time_unix_nano=0),
        with_field(parent_span_id=bytes(8)),
        with_link(b"\1" * 16, b"\1" * 8),
    ],
)
def test_odd_but_honest_spans_are_taken(good: Span) -> None:
    spans, refusals = rules().apply(request(good))
    assert (spans, refusals.total, refusals.message()) == (1, 0, "")


def test_of_very_many_days_the_newest_stay() -> None:
    message = request(*(span(start_ns=NOW - day * DAY) for day in range(30)))
    spans, refusals = rules(max_age_s=365 * 86_400).apply(message)
    assert spans == 10
    assert dict(refusals.counts) == {Reason.TOO_MANY_DAYS: 20}
    kept = message.resource_spans[0].scope_spans[0].spans
    assert min(s.start_time_unix_nano for s in kept) == NOW - 9 * DAY


def test_an_empty_request_is_fine() -> None:
    assert rules().apply(request())[0] == 0
