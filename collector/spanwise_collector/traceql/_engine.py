"""TraceQL over the store: searches, and the values of fields."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spanwise_collector.query import MAX_LIMIT, Binder, Json, Patterns, Search, TraceSearch
from spanwise_collector.store import ClientPool, QueryTimeoutError
from spanwise_collector.traceql._metrics import COMPARE, metric_query
from spanwise_collector.traceql._search import SpansetSearch, spanset_search
from spanwise_collector.traceql._series import Series, compared_series, ranked, series_of
from spanwise_collector.traceql._shown import Shown
from spanwise_collector.traceql._spansets import Relation, Scope
from spanwise_collector.traceql._tree import Attribute, Field, Filter, Intrinsic, Pipeline, Query, TraceQLError

# The first page of candidates is as long as the answer; each next one four times as long.
_PAGE_GROWTH = 4
_TOO_DEEP_RECURSION = 306  # ClickHouse's error code

Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class FoundSpan:
    span_id: str
    name: str
    start_ns: int
    duration_ns: int
    shown: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class FoundSpanset:
    """`matched` is how many spans it has; `spans` are the first of them. `labels` are what it was grouped by."""

    matched: int
    labels: tuple[Shown, ...]
    spans: tuple[FoundSpan, ...]


@dataclass(frozen=True, slots=True)
class FoundTrace:
    """`summary` is that of `query.TraceSearch`."""

    summary: Json
    spansets: tuple[FoundSpanset, ...]


@dataclass(frozen=True, slots=True)
class FoundSeries:
    """`message` says what is missing, "" where nothing is."""

    series: list[Series]
    message: str


class TraceQL:
    """Runs queries. Thread-safe."""

    def __init__(self, pool: ClientPool, search: TraceSearch, timeout_s: float, max_series: int) -> None:
        self._pool = pool
        self._patterns = Patterns(pool)
        self._search = search
        self._timeout_s = timeout_s
        self._max_series = max_series

    def search(
        self, pipeline: Pipeline, limit: int, spans: int, start_ns: int | None, end_ns: int | None
    ) -> list[FoundTrace]:
        """The newest traces, at most `limit`, with at most `spans` of each spanset.

        Raises TraceQLError, BadPatternError, QueryTimeoutError.
        """
        query = spanset_search(pipeline)
        self._patterns.check(query.patterns)
        began, found = time.monotonic(), list[FoundTrace]()
        page: str | None = ""
        size = min(limit, MAX_LIMIT)
        while page is not None and len(found) < limit:
            if time.monotonic() - began > self._timeout_s:
                raise QueryTimeoutError(
                    f"the search took longer than {self._timeout_s:g} s (SPANWISE_COLLECTOR_QUERY_TIMEOUT):"
                    " narrow the time range or add a filter"
                )
            answer = self._search.search(
                Search(
                    conditions=query.conditions,
                    parameters=query.candidate_parameters,
                    start_ns=start_ns,
                    end_ns=end_ns,
                    min_duration_ns=query.min_duration_ns,
                    max_duration_ns=query.max_duration_ns,
                    limit=size,
                    page=page,
                )
            )
            found += self._fitting(query, answer["traces"], spans)
            page, size = answer["next_page"], min(size * _PAGE_GROWTH, MAX_LIMIT)
        return found[:limit]

    def _rows(self, query: str, parameters: Mapping[str, Any], places: Mapping[str, str] | None = None) -> Rows:
        try:
            return self._pool.rows(query, parameters, places)
        except Exception as error:
            if getattr(error, "code", None) != _TOO_DEEP_RECURSION:
                raise
            if "recursive CTE" not in str(error):
                raise TraceQLError("the query is nested too deep: use fewer stages and spansets") from error
            raise TraceQLError(
                "a trace of this time is deeper than 1000 spans, which >>, << and nested sets do not follow:"
                " narrow the time range or add a filter"
            ) from error

    def _fitting(self, query: SpansetSearch, candidates: Sequence[Json], spans: int) -> Iterator[FoundTrace]:
        if not candidates:
            return
        ids = [trace["trace_id"] for trace in candidates]
        rows = self._rows("traceql_spansets", {**query.parameters, "ids": ids, "spans": spans}, query.places)
        by_trace: dict[str, dict[bytes, list[Sequence[Any]]]] = {}
        for row in rows:
            by_trace.setdefault(row[0].decode(), {}).setdefault(row[1], []).append(row)
        for trace in candidates:
            if trace["trace_id"] in by_trace:
                spansets = by_trace[trace["trace_id"]].values()
                yield FoundTrace(trace, tuple(_spanset(query, rows) for rows in spansets))

    def metrics(self, query: Query, from_ns: int, step_ns: int, steps: int) -> FoundSeries:
        """The series of a metrics query, in `steps` of `step_ns` from `from_ns` on.

        Raises TraceQLError, BadPatternError, QueryTimeoutError.
        """
        metric = query.metric
        if metric is None:
            raise TraceQLError("this is no metrics query: a metric such as | rate() is missing at its end")
        compiled = metric_query(query.pipeline, metric, step_ns)
        self._patterns.check(compiled.patterns)
        parameters = {
            **compiled.parameters,
            "from_ns": from_ns,
            "to_ns": from_ns + steps * step_ns,
            "step_ns": step_ns,
            # One more than wanted tells whether there are more.
            "series": self._max_series + 1,
            "values": metric.top + 1,
        }
        if metric.function == COMPARE:
            rows = self._rows("traceql_compare", parameters, compiled.places)
            return self._cut(list(compared_series(rows, metric.top)))
        rows = self._rows("traceql_metrics", parameters, compiled.places)
        return self._cut(series_of(metric, compiled.labels, rows, steps), query)

    def _cut(self, series: list[Series], query: Query | None = None) -> FoundSeries:
        more = len(series) > self._max_series
        message = (
            f"only the {self._max_series} largest series are here (SPANWISE_COLLECTOR_MAX_SERIES):"
            " group by less or add a filter"
            if more
            else ""
        )
        series = series[: self._max_series]
        return FoundSeries(ranked(series, query.ranks) if query is not None else series, message)

    def tag_values(
        self, field: Attribute | Intrinsic, condition: Field | None, from_ns: int, to_ns: int, limit: int
    ) -> list[Shown]:
        """The values of a field in the spans that fit and started in the window, most frequent first."""
        relation = Relation(Binder(), Scope.WINDOW)
        values = relation.pairs(field)
        compiled = relation.compile(Pipeline((Filter(condition),), 1))
        parameters = {**relation.binder.parameters, "from_ns": from_ns, "to_ns": to_ns, "limit": limit}
        places = {"tree": compiled.tree, "spansets": compiled.sql, "values": values}
        return [
            Shown(field.text, row[0].decode(), row[1]) for row in self._rows("traceql_tag_values", parameters, places)
        ]

    def tag_names(self, condition: Field | None, from_ns: int, to_ns: int) -> Mapping[str, list[str]]:
        """The keys of attributes by scope: resource, instrumentation, span, event, link."""
        window = {"from_ns": from_ns, "to_ns": to_ns}
        if condition is None:
            rows = self._rows("traceql_tag_names", window)
        else:
            relation = Relation(Binder(), Scope.WINDOW)
            relation.all_keys()
            compiled = relation.compile(Pipeline((Filter(condition),), 1))
            places = {"tree": compiled.tree, "spansets": compiled.sql}
            parameters = {**relation.binder.parameters, **window}
            rows = self._rows("traceql_tag_names_matching", parameters, places)
        names: dict[str, list[str]] = {scope: [] for scope in ("resource", "span", "event", "link", "instrumentation")}
        for scope, key in sorted((row[0].decode(), row[1].decode("utf-8", "replace")) for row in rows):
            names[scope].append(key)
        return names


def _spanset(query: SpansetSearch, rows: Sequence[Sequence[Any]]) -> FoundSpanset:
    """From rows of traceql_spansets."""
    return FoundSpanset(
        matched=rows[0][2],
        labels=_shown(query.labels, rows[0][8]),
        spans=tuple(
            FoundSpan(row[3].decode(), row[6].decode("utf-8", "replace"), row[4], row[5], _shown(query.shown, row[7]))
            for row in rows
        ),
    )


def _shown(names: Sequence[str], pairs: Sequence[Mapping[str, bytes]]) -> tuple[Shown, ...]:
    return tuple(
        Shown(name, pair["type"].decode(), pair["value"])
        for name, pair in zip(names, pairs, strict=True)
        if pair["type"] != b"empty"
    )
