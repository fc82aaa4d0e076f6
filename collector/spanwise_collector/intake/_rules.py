"""What a span must be for the store to take it. One that is not is refused alone, before the spool (partial success).

One id of another length, or spans over very many days (each day is a partition), would make the store refuse or choke
on a whole joined batch, and with it the spans of others.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_DAY_NS = 86_400 * 10**9
_NO_TRACE_ID = bytes(16)
_NO_SPAN_ID = bytes(8)
# A clock may be ahead by a time zone and a bit.
_AHEAD_NS = _DAY_NS
# Days of spans in one request; a day more costs the store a part in each of its tables.
_DAYS_PER_REQUEST = 10


class Reason(Enum):
    """Why a span is refused: the metric's label, and the sender's words."""

    TRACE_ID = ("trace_id", "trace_id is not 16 bytes, or all zero")
    SPAN_ID = ("span_id", "span_id is not 8 bytes, or all zero")
    PARENT_SPAN_ID = ("parent_span_id", "parent_span_id is neither empty nor 8 bytes")
    LINK_ID = ("link_id", "a link's trace_id is not 16 bytes or its span_id not 8")
    TOO_OLD = ("too_old", "start time is older than the retention (SPANWISE_COLLECTOR_RETENTION)")
    AHEAD = ("ahead", "start or end time is more than a day in the future")
    TOO_MANY_DAYS = ("too_many_days", f"spans of more than {_DAYS_PER_REQUEST} days in one request")

    @property
    def label(self) -> str:
        return self.value[0]

    @property
    def words(self) -> str:
        return self.value[1]


class Refusals:
    """How many spans of a request were refused, by reason."""

    def __init__(self) -> None:
        self.counts: Counter[Reason] = Counter()

    @property
    def total(self) -> int:
        return self.counts.total()

    def message(self) -> str:
        """`"refused: trace_id is not 16 bytes, or all zero (2 spans)"`, or empty."""
        if not self.counts:
            return ""
        return "refused: " + "; ".join(f"{reason.words} ({count} spans)" for reason, count in self.counts.items())


class SpanRules:
    """The rules with their limits. `clock_ns` is nanoseconds since 1970."""

    def __init__(self, max_age_s: float, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._max_age_ns = int(max_age_s * 1e9)
        self._clock_ns = clock_ns

    def apply(self, request: ExportTraceServiceRequest) -> tuple[int, Refusals]:
        """`(spans that stay, refusals)`; takes the refused spans out of the message."""
        now = self._clock_ns()
        oldest, newest = now - self._max_age_ns, now + _AHEAD_NS
        refusals = Refusals()
        spans, first, last = 0, newest, oldest
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                refused, earliest, latest = _examine(scope_spans.spans, oldest, newest)
                first, last = min(first, earliest), max(last, latest)
                for _, reason in refused:
                    refusals.counts[reason] += 1
                for index, _ in reversed(refused):
                    del scope_spans.spans[index]
                spans += len(scope_spans.spans)
        if last - first > (_DAYS_PER_REQUEST - 1) * _DAY_NS:
            days = sorted(_days(request))
            if len(days) > _DAYS_PER_REQUEST:
                spans -= _refuse_before(request, days[-_DAYS_PER_REQUEST] * _DAY_NS, refusals)
        return spans, refusals


def _examine(spans: Sequence[Span], oldest_ns: int, newest_ns: int) -> tuple[list[tuple[int, Reason]], int, int]:
    """`(place and reason of each span that cannot be stored, first start, last start)`; the starts are of the others.

    Runs once for every span there is, so it is one loop that asks for each field once.
    """
    refused: list[tuple[int, Reason]] = []
    first, last = newest_ns, oldest_ns
    for index, span in enumerate(spans):
        trace_id, span_id, parent, start = span.trace_id, span.span_id, span.parent_span_id, span.start_time_unix_nano
        if len(trace_id) != 16 or trace_id == _NO_TRACE_ID:
            refused.append((index, Reason.TRACE_ID))
        elif len(span_id) != 8 or span_id == _NO_SPAN_ID:
            refused.append((index, Reason.SPAN_ID))
        elif parent and len(parent) != 8:
            refused.append((index, Reason.PARENT_SPAN_ID))
        elif start < oldest_ns:
            refused.append((index, Reason.TOO_OLD))
        elif start > newest_ns or span.end_time_unix_nano > newest_ns:
            refused.append((index, Reason.AHEAD))
        elif (links := span.links) and any(len(link.trace_id) != 16 or len(link.span_id) != 8 for link in links):
            refused.append((index, Reason.LINK_ID))
        else:
            if start < first:
                first = start
            if start > last:
                last = start
    return refused, first, last


def _days(request: ExportTraceServiceRequest) -> set[int]:
    """The days since 1970 on which its spans start."""
    return {
        span.start_time_unix_nano // _DAY_NS
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    }


def _refuse_before(request: ExportTraceServiceRequest, start_ns: int, refusals: Refusals) -> int:
    """Takes out the spans that start before `start_ns`; returns how many."""
    total = 0
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            refused = [i for i, span in enumerate(scope_spans.spans) if span.start_time_unix_nano < start_ns]
            for index in reversed(refused):
                del scope_spans.spans[index]
            total += len(refused)
    refusals.counts[Reason.TOO_MANY_DAYS] += total
    return total
