"""Search for traces, newest first, page by page.

The table `traces` is ordered by time, and one trace may have several rows in it; `trace_spans` has the truth about one
trace. So a search walks back through time in growing windows, takes candidates from `traces`, and keeps those whose
summary, made from all their spans, fits. Pages are keyed by (start descending, trace id), so nothing that arrives
meanwhile shifts them.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spanwise_collector.query._condition import Condition
from spanwise_collector.query._values import Json, text
from spanwise_collector.store import ClientPool

MAX_LIMIT = 500
DEFAULT_LIMIT = 20
_DAY_NS = 86_400 * 10**9
# The first window is the last minute, each next one eight times as long: most searches end in the first.
_FIRST_WINDOW_NS = 60 * 10**9
_WINDOW_GROWTH = 8
# How far outside a window the spans of a trace are looked for when it is judged by duration or errors.
_AROUND_S = 300
_LONGEST_NS = 2**63 - 1
_NO_CURSOR = (_LONGEST_NS, "")


class BadSearchError(ValueError):
    """A parameter that cannot be used: one line that names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for. Times are nanoseconds since 1970; None and "" mean any.

    A trace must have a span for each of `conditions`, whose parameters are in `parameters`; with conditions, `service`
    and `operation` are not looked at.
    """

    service: str = ""
    operation: str = ""
    min_duration_ns: int | None = None
    max_duration_ns: int | None = None
    only_errors: bool = False
    start_ns: int | None = None
    end_ns: int | None = None
    limit: int = DEFAULT_LIMIT
    page: str = ""
    conditions: tuple[Condition, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Summary:
    """A trace in short."""

    trace_id: str
    start_ns: int
    end_ns: int
    root_service: str
    root_name: str
    services: tuple[tuple[str, int, int], ...]  # name, spans, errors

    @property
    def duration_ns(self) -> int:
        return self.end_ns - self.start_ns

    @property
    def error_count(self) -> int:
        return sum(errors for _, _, errors in self.services)

    def as_json(self) -> Json:
        return {
            "trace_id": self.trace_id,
            "root_service": self.root_service,
            "root_name": self.root_name,
            "start_unix_nano": str(self.start_ns),
            "duration_ns": self.duration_ns,
            "span_count": sum(spans for _, spans, _ in self.services),
            "error_count": self.error_count,
            "services": [
                {"name": name, "span_count": spans, "error_count": errors} for name, spans, errors in self.services
            ],
        }


class TraceSearch:
    """`oldest_age_s` is how far back spans can be: the retention."""

    def __init__(self, pool: ClientPool, oldest_age_s: float, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._pool = pool
        self._oldest_age_ns = int(oldest_age_s * 1e9)
        self._clock_ns = clock_ns

    def search(self, search: Search) -> Json:
        """`{"traces", "next_page"}`. Raises BadSearchError."""
        found: list[_Summary] = []
        cursor = _parse_page(search.page) if search.page else _NO_CURSOR
        for from_ns, to_ns in self._windows(search, cursor[0]):
            while len(found) <= search.limit:
                # One more than asked for tells whether there is a next page.
                wanted = search.limit + 1 - len(found)
                candidates = self._candidates(search, from_ns, to_ns, cursor, wanted)
                found += [summary for summary in self._summaries(candidates) if _fits(summary, search, from_ns, to_ns)]
                if len(candidates) < wanted:
                    break
                cursor = (candidates[-1][1], candidates[-1][0])
            if len(found) > search.limit:
                break
        page = found[: search.limit]
        more = len(found) > search.limit
        return {
            "traces": [summary.as_json() for summary in page],
            "next_page": _page_after(page[-1]) if more else None,
        }

    def _windows(self, search: Search, cursor_ns: int) -> Iterator[tuple[int, int]]:
        """`(from_ns, to_ns)`, newest first, without gaps or overlaps, both ends included."""
        now = self._clock_ns()
        oldest = max(now - self._oldest_age_ns - _DAY_NS, 0)
        start = max(search.start_ns, oldest) if search.start_ns is not None else oldest
        latest = min(now + 2 * _DAY_NS, cursor_ns)
        to_ns = min(search.end_ns, latest) if search.end_ns is not None else latest
        newest = min(to_ns, now)
        length = _FIRST_WINDOW_NS
        while to_ns >= start:
            from_ns = max(newest - length, start)
            if from_ns <= to_ns:
                yield from_ns, to_ns
                to_ns = from_ns - 1
            length *= _WINDOW_GROWTH

    def _candidates(
        self, search: Search, from_ns: int, to_ns: int, cursor: tuple[int, str], limit: int
    ) -> list[tuple[str, int]]:
        """`(trace_id, start_ns)` in the order of the answer."""
        judged = search.only_errors or search.min_duration_ns is not None or search.max_duration_ns is not None
        with_span = bool(search.service or search.operation or search.conditions)
        parameters: dict[str, Any] = {
            "from_ns": from_ns,
            "to_ns": to_ns,
            "around_s": _AROUND_S if judged or with_span else 0,
            "cursor_ns": cursor[0],
            "cursor_id": cursor[1],
            "min_duration_ns": search.min_duration_ns or 0,
            "max_duration_ns": _LONGEST_NS if search.max_duration_ns is None else search.max_duration_ns,
            "min_errors": int(search.only_errors),
            "limit": limit,
        }
        if search.conditions:
            return self._matching(search, parameters | dict(search.parameters))
        if with_span:
            parameters |= {"service": search.service, "operation": search.operation}
        query = "trace_candidates_with_span" if with_span else "trace_candidates"
        return [(text(row[0]), row[1]) for row in self._pool.rows(query, parameters)]

    def _matching(self, search: Search, parameters: Mapping[str, Any]) -> list[tuple[str, int]]:
        parts = [condition.sql for condition in search.conditions]
        whole = any(condition.whole for condition in search.conditions)
        rows = self._pool.rows(
            "trace_candidates_matching_whole" if whole else "trace_candidates_matching",
            parameters,
            {
                "any": " OR ".join(f"({part})" for part in parts),
                "each": " AND ".join(f"countIf({part}) > 0" for part in parts),
            },
        )
        return [(text(row[0]), row[1]) for row in rows]

    def _summaries(self, candidates: Sequence[tuple[str, int]]) -> list[_Summary]:
        """The summaries of the candidates, in their order."""
        if not candidates:
            return []
        by_trace: dict[str, list[Sequence[Any]]] = {}
        for row in self._pool.rows("trace_summaries", {"ids": [trace_id for trace_id, _ in candidates]}):
            by_trace.setdefault(text(row[0]), []).append(row)
        return [_summary(trace_id, by_trace[trace_id]) for trace_id, _ in candidates if trace_id in by_trace]


def _summary(trace_id: str, rows: Sequence[Sequence[Any]]) -> _Summary:
    """From one row for each service: id, service, spans, errors, first_ns, last_ns, earliest, earliest_name."""
    root = min(rows, key=lambda row: tuple(row[6]))
    by_first_span = sorted(rows, key=lambda row: row[4])
    return _Summary(
        trace_id=trace_id,
        start_ns=min(row[4] for row in rows),
        end_ns=max(row[5] for row in rows),
        root_service=text(root[1]),
        root_name=text(root[7]),
        services=tuple((text(row[1]), row[2], row[3]) for row in by_first_span),
    )


def _fits(summary: _Summary, search: Search, from_ns: int, to_ns: int) -> bool:
    """Whether the whole trace, not only what was seen around the window, is what was asked for."""
    if not from_ns <= summary.start_ns <= to_ns:
        return False
    if search.only_errors and not summary.error_count:
        return False
    if search.min_duration_ns is not None and summary.duration_ns < search.min_duration_ns:
        return False
    return search.max_duration_ns is None or summary.duration_ns <= search.max_duration_ns


def _page_after(summary: _Summary) -> str:
    return base64.urlsafe_b64encode(f"{summary.start_ns}.{summary.trace_id}".encode()).decode().rstrip("=")


def _parse_page(page: str) -> tuple[int, str]:
    try:
        start, _, trace_id = base64.urlsafe_b64decode(page + "=" * (-len(page) % 4)).decode().partition(".")
        cursor = (int(start), trace_id)
    except (ValueError, binascii.Error):
        raise BadSearchError("page is not one that an answer gave as next_page: leave it out to begin anew") from None
    if not 0 <= cursor[0] <= _LONGEST_NS:
        raise BadSearchError("page is not one that an answer gave as next_page: leave it out to begin anew")
    return cursor
