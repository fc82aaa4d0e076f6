"""Search for traces, newest first or by another measure, page by page.

The table `traces` is ordered by time, and one trace may have several rows in it; `trace_spans` has the truth about one
trace. So a search walks back through time in growing windows, takes candidates, and keeps those whose summary, made
from all their spans, fits. Candidates are the traces of spans that meet the conditions, or, without conditions or where
these are too many, rows of `traces`. Pages are keyed by (start descending, trace id), so nothing that arrives meanwhile
shifts them. In another order than newest first the whole time asked for is one window.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spanwise_collector.query import _page
from spanwise_collector.query._condition import Binder, Condition, every, some
from spanwise_collector.query._values import Json, text
from spanwise_collector.store import ClientPool

MAX_LIMIT = 500
DEFAULT_LIMIT = 20
_DAY_NS = 86_400 * 10**9
# The first window is the last minute: most searches end in it. Spans of one operation are few and lie together.
_FIRST_WINDOW_NS = 60 * 10**9
_FIRST_OPERATION_WINDOW_NS = 8 * _FIRST_WINDOW_NS
# How many times as long the next one is. Where nine minutes have too few spans that meet the conditions, it is so long
# that twice what is wanted may be in it, within these bounds.
_LEAST_GROWTH, _MOST_GROWTH = 8, 256
# Of traces found by their spans: how many more than wanted are looked at together, because one with a later span may
# have begun earlier; and how many times as many as wanted may be looked at before `traces` is asked instead.
_SPARE = 5
_MOST_LOOKED_AT = 4
# How far outside a window the spans of a trace are looked for when it is judged by duration or errors.
_AROUND_S = 300
_LONGEST_NS = 2**63 - 1
# In another order than newest first all traces of the time are looked at, so without a start it is an hour.
_UNORDERED_NS = 3600 * 10**9
SORTS = ("start", "duration", "span_count", "error_count")


class BadSearchError(ValueError):
    """A parameter that cannot be used: one line that names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for. Times are nanoseconds since 1970; None and "" mean any.

    A trace must have a span for each of `conditions`, whose parameters are in `parameters`, and one of `service` and
    `operation`. `sort` is one of SORTS; traces that are equal in it are in the order of their start, newest first.
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
    sort: str = "start"
    ascending: bool = False

    @property
    def order(self) -> str:
        return f"{self.sort}-{'ascending' if self.ascending else 'descending'}"

    @property
    def newest_first(self) -> bool:
        return self.sort == "start" and not self.ascending

    @property
    def by_conditions(self) -> bool:
        """Whether something is asked of single spans."""
        return bool(self.conditions or self.service or self.operation)


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


_Found = tuple[_page.Cursor, _Summary]


class TraceSearch:
    """`oldest_age_s` is how far back spans can be: the retention."""

    def __init__(self, pool: ClientPool, oldest_age_s: float, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._pool = pool
        self._oldest_age_ns = int(oldest_age_s * 1e9)
        self._clock_ns = clock_ns

    def search(self, search: Search) -> Json:
        """`{"traces", "next_page"}`. Raises BadSearchError."""
        found: list[_Found] = []
        cursor = _cursor(search)
        windows = _Windows(*self._bounds(search, cursor), self._clock_ns(), search)
        while len(found) <= search.limit and (window := windows.next(len(found))) is not None:
            # One more than asked for tells whether there is a next page.
            found += self._in_window(search, *window, cursor, search.limit + 1 - len(found))
        page = found[: search.limit]
        more = len(found) > search.limit
        return {
            "traces": [summary.as_json() for _, summary in page],
            "next_page": _page.written(page[-1][0], search.order) if more else None,
        }

    def summaries(self, trace_ids: Sequence[str]) -> list[Json]:
        """Those that are there, in this order. Ids are 32 hexadecimal digits."""
        places = [_page.Cursor(0, 0, trace_id) for trace_id in dict.fromkeys(trace_ids)]
        return [summary.as_json() for _, summary in self._summaries(places)]

    def _bounds(self, search: Search, cursor: _page.Cursor) -> tuple[int, int]:
        """`(from_ns, to_ns)` in which traces start, both ends included."""
        now = self._clock_ns()
        oldest = max(now - self._oldest_age_ns - _DAY_NS, 0)
        latest = now + 2 * _DAY_NS
        if search.newest_first:
            latest = min(latest, cursor.start_ns)
        to_ns = min(search.end_ns, latest) if search.end_ns is not None else latest
        if search.start_ns is not None:
            return max(search.start_ns, oldest), to_ns
        return oldest if search.newest_first else max(oldest, min(to_ns, now) - _UNORDERED_NS), to_ns

    def _in_window(self, search: Search, from_ns: int, to_ns: int, cursor: _page.Cursor, wanted: int) -> list[_Found]:
        """The first of those that start in the window, in the order of the answer."""
        if search.newest_first and search.by_conditions:
            found = self._by_spans(search, from_ns, to_ns, cursor, wanted)
            if found is not None:
                return found
        found = []
        while len(found) < wanted:
            asked = wanted - len(found)
            candidates = self._candidates(search, from_ns, to_ns, cursor, asked)
            found += [one for one in self._summaries(candidates) if _fits(one[1], search, from_ns, to_ns)]
            if len(candidates) < asked:
                break
            cursor = candidates[-1]
        return found

    def _by_spans(
        self, search: Search, from_ns: int, to_ns: int, cursor: _page.Cursor, wanted: int
    ) -> list[_Found] | None:
        """Newest first, of the traces of spans that meet the conditions; None where too many of these do not fit.

        Those whose spans started last are looked at first. No trace starts after its spans, so whoever started after
        the spans of all that have not been looked at is the next.
        """
        most = _MOST_LOOKED_AT * wanted
        matching = self._matching_traces(search, from_ns, to_ns, most + 1)
        found: list[_Found] = []
        step = wanted + _SPARE
        for first in range(0, min(len(matching), most), step):
            places = [_page.Cursor(0, 0, trace_id) for trace_id, _ in matching[first : min(first + step, most)]]
            for _, summary in self._summaries(places):
                place = _page.Cursor(summary.start_ns, summary.start_ns, summary.trace_id)
                if _order(place) > _order(cursor) and _fits(summary, search, from_ns, to_ns):
                    found.append((place, summary))
            following = min(first + step, most)
            unseen_ns = matching[following][1] if following < len(matching) else -1
            settled = sorted((one for one in found if one[0].start_ns > unseen_ns), key=lambda one: _order(one[0]))
            if len(settled) >= wanted or unseen_ns < 0:
                return settled[:wanted]
        return None if matching else []

    def _matching_traces(self, search: Search, from_ns: int, to_ns: int, limit: int) -> list[tuple[str, int]]:
        """`(trace id, when the last of the spans that meet the conditions started)`, the latest first."""
        binder = Binder(dict(search.parameters))
        conditions = [*search.conditions, *_of_service(search, binder)]
        later = [] if to_ns >= self._clock_ns() else [binder.piece("starting_until")]
        spans = _spans_by_trace(conditions, binder, later)
        parameters = {
            **binder.parameters,
            "from_ns": from_ns,
            "to_ns": to_ns,
            "around_s": _AROUND_S,
            "limit": limit,
        }
        rows = self._pool.rows("matching_traces", parameters, {"matching": spans})
        return [(row[0].hex(), row[1]) for row in rows]

    def _candidates(
        self, search: Search, from_ns: int, to_ns: int, cursor: _page.Cursor, limit: int
    ) -> list[_page.Cursor]:
        """In the order of the answer."""
        binder = Binder(dict(search.parameters))
        conditions = [*search.conditions, *_of_service(search, binder)]
        judged = search.only_errors or search.min_duration_ns is not None or search.max_duration_ns is not None
        wide = judged or conditions or not search.newest_first
        parameters: dict[str, Any] = {
            **binder.parameters,
            "from_ns": from_ns,
            "to_ns": to_ns,
            "around_s": _AROUND_S if wide else 0,
            "sort": search.sort,
            "sign": -1 if search.ascending else 1,
            "cursor_key": cursor.key,
            "cursor_ns": cursor.start_ns,
            "cursor_id": cursor.trace_id,
            "min_duration_ns": search.min_duration_ns or 0,
            "max_duration_ns": _LONGEST_NS if search.max_duration_ns is None else search.max_duration_ns,
            "min_errors": int(search.only_errors),
            "limit": limit,
        }
        matching = {"matching": _matching(conditions, binder)}
        rows = self._pool.rows("trace_candidates", parameters, matching)
        return [_page.Cursor(row[2], row[1], text(row[0])) for row in rows]

    def _summaries(self, candidates: Sequence[_page.Cursor]) -> list[_Found]:
        """Those that are there, in their order."""
        if not candidates:
            return []
        by_trace: dict[str, list[Sequence[Any]]] = {}
        for row in self._pool.rows("trace_summaries", {"ids": [candidate.trace_id for candidate in candidates]}):
            by_trace.setdefault(row[0].hex(), []).append(row)
        return [
            (candidate, _summary(candidate.trace_id, by_trace[candidate.trace_id]))
            for candidate in candidates
            if candidate.trace_id in by_trace
        ]


class _Windows:
    """Parts of a time, newest first, without gaps or overlaps, both ends of each included; the whole where the order is
    another than newest first.
    """

    def __init__(self, start: int, to_ns: int, now: int, search: Search) -> None:
        self._start = start
        self._to_ns = to_ns
        self._newest = min(to_ns, now)
        self._wanted = search.limit + 1
        self._length = _FIRST_OPERATION_WINDOW_NS if search.service and search.operation else _FIRST_WINDOW_NS
        self._most_growth = _LEAST_GROWTH
        self._by_conditions = search.by_conditions
        if not search.newest_first:
            self._length = self._newest - start

    def next(self, found: int) -> tuple[int, int] | None:
        """`(from_ns, to_ns)`, by how many were found in those before; None at the end."""
        while self._to_ns >= self._start:
            from_ns, to_ns = max(self._newest - self._length, self._start), self._to_ns
            growth = 2 * self._wanted // found if found else self._most_growth
            self._length *= min(max(growth, _LEAST_GROWTH), self._most_growth)
            self._most_growth = _MOST_GROWTH if self._by_conditions else _LEAST_GROWTH
            if from_ns <= to_ns:
                self._to_ns = from_ns - 1
                return from_ns, to_ns
        return None


def _of_service(search: Search, binder: Binder) -> Iterator[Condition]:
    parts = []
    if search.service:
        parts.append(binder.piece("service_in", cheap=True, services=binder.bind([search.service], "Array(String)")))
    if search.operation:
        parts.append(binder.piece("name_is", cheap=True, name=binder.bind(search.operation, "String")))
    if parts:
        yield every(parts)


def _matching(conditions: Sequence[Condition], binder: Binder) -> str:
    """That a trace has a span for each of the conditions."""
    if not conditions:
        return every(()).sql
    return binder.piece("matching", spans=_spans_by_trace(conditions, binder)).sql


def _spans_by_trace(conditions: Sequence[Condition], binder: Binder, also: Sequence[Condition] = ()) -> str:
    """The spans of traces that have one for each of the conditions; `also` is asked of each of them."""
    met_by_some = some(conditions)
    met = every(binder.piece("met", condition=condition.sql) for condition in conditions)
    times = binder.piece("in_window")
    first = binder.first(met_by_some, times.sql)
    # What was looked at first is not asked again: the engine would plan it twice.
    rest = () if first and met_by_some.needed == met_by_some.sql else (met_by_some,)
    return binder.piece(
        "spans_by_trace",
        table="trace_spans" if met_by_some.whole else "spans",
        first=first,
        rest=every((*rest, *also) if first else (*rest, times, *also)).sql,
        each=met.sql if len(conditions) > 1 else every(()).sql,
    ).sql


def _order(place: _page.Cursor) -> tuple[int, str]:
    return -place.start_ns, place.trace_id


def _cursor(search: Search) -> _page.Cursor:
    """Raises BadSearchError."""
    if not search.page:
        return _page.BEGINNING
    try:
        return _page.read(search.page, search.order)
    except ValueError as error:
        raise BadSearchError(str(error)) from None


def _summary(trace_id: str, rows: Sequence[Sequence[Any]]) -> _Summary:
    """From one row for each service: trace, service, spans, errors, first_ns, last_ns, earliest."""
    root = min(rows, key=lambda row: tuple(row[6]))
    by_first_span = sorted(rows, key=lambda row: row[4])
    return _Summary(
        trace_id=trace_id,
        start_ns=min(row[4] for row in rows),
        end_ns=max(row[5] for row in rows),
        root_service=text(root[1]),
        root_name=text(root[6][2]),
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
