"""What spans add up to: rate, errors and durations over time, histograms over time, and facets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spanwise_collector.query._condition import Binder, every, pieces
from spanwise_collector.query._groups import groups, shown
from spanwise_collector.query._minutes import MINUTE_S, bucket_edges_ns
from spanwise_collector.query._search import BadSearchError
from spanwise_collector.query._span_filter import all_of, fields_of
from spanwise_collector.query._values import Json
from spanwise_collector.query.filter import Field, Filter, Intrinsic, written
from spanwise_collector.store import ClientPool, QueryTimeoutError

_SECOND_NS = 10**9
_COUNTED = Path(__file__).parent / "counted.sql"
# What the one-minute aggregates know of a span: of each service, and of each operation.
_IN_SERVICE_MINUTES = frozenset({Intrinsic.SERVICE, Intrinsic.KIND})
_IN_MINUTES = _IN_SERVICE_MINUTES | {Intrinsic.NAME}
# Seconds; the least of them that needs no more steps than this is taken where none is asked for.
_STEPS_S = (1, 5, 15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 86_400)
_STEPS = 120
MAX_POINTS = 20_000
_MAX_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class Question:
    """Of which spans: those that started from `start_ns` until `end_ns` (since 1970) and fit every filter.

    `entries_only` means spans that began a service's work: of kind server or consumer.
    """

    start_ns: int
    end_ns: int
    filters: tuple[Filter, ...] = ()
    entries_only: bool = True


@dataclass(frozen=True, slots=True)
class _Counted:
    """What a question is answered from, in steps of `step_s` that begin at `starts_s` (since 1970).

    `sql` takes the place `counted` of a query, `names` those of its fields, and `parameters` belong to it.
    """

    step_s: int
    starts_s: range
    source: str
    sql: str
    names: str
    parameters: dict[str, Any]


class Measures:
    def __init__(self, pool: ClientPool, clock: Callable[[], float] = time.perf_counter) -> None:
        self._pool = pool
        self._clock = clock

    def red(self, question: Question, by: Sequence[Field], step_s: int, limit: int, quantiles: Sequence[float]) -> Json:
        """`{"step_s", "source", "series", "dropped_series"}`: the `limit` groups with the most calls. The `points` of a
        series are JSON, as bytes, for there are thousands.

        `step_s` of 0 picks one. Raises BadSearchError.
        """
        counted = _counted(question, by, step_s)
        names = [f"{quantile:g}" for quantile in quantiles]
        of_group: dict[tuple[Any, ...], dict[int, bytes]] = {}  # without the steps in which nothing was
        totals: dict[tuple[Any, ...], float] = {}
        given = {"quantiles": list(quantiles), "quantile_names": names}
        for step, calls, point, *key in self._rows("red", counted, given):
            group = tuple(key)
            of_group.setdefault(group, {})[step] = point
            totals[group] = totals.get(group, 0.0) + calls
        largest = sorted(of_group, key=lambda key: (-totals[key], str(key)))[:limit]
        if len(largest) * len(counted.starts_s) > MAX_POINTS:
            raise BadSearchError(
                f"{len(largest)} series of {len(counted.starts_s)} steps are more than {MAX_POINTS} points:"
                " choose a larger step, a lower limit or a shorter time"
            )
        empty = {start_s: _nothing(start_s, names) for start_s in counted.starts_s}
        return {
            "step_s": counted.step_s,
            "source": counted.source,
            "series": [
                {
                    "group": [{"field": written(one), **shown(value)} for one, value in zip(by, key, strict=True)],
                    "calls": totals[key],
                    "points": b"[%s]" % b",".join((empty | of_group[key]).values()),
                }
                for key in largest
            ],
            "dropped_series": len(of_group) - len(largest),
        }

    def heatmap(self, question: Question, step_s: int) -> Json:
        """`{"step_s", "source", "cells"}`: one cell for each step and bucket of durations that has spans."""
        counted = _counted(question, (), step_s)
        return {
            "step_s": counted.step_s,
            "source": counted.source,
            "cells": [
                {
                    "start_unix_nano": str(start_s * _SECOND_NS),
                    "min_duration_ns": low,
                    "max_duration_ns": high,
                    "calls": count,
                    "errors": errors.get(bucket, 0.0),
                }
                for start_s, calls, errors in self._rows("heatmap", counted, {})
                for bucket, count in sorted(calls.items())
                for low, high in (bucket_edges_ns(bucket),)
            ],
        }

    def facets(self, question: Question, by: Sequence[Field], limit: int, budget_s: float) -> Json:
        """`{"facets": [{"field", "values", "complete", "start_unix_nano"}]}`: counts in the newest part of the time
        that could be looked at within the budget, which the fields share. `start_unix_nano` says from when on.
        """
        until = self._clock() + budget_s
        made = []
        for number, one in enumerate(by):
            share_s = max(until - self._clock(), 0.0) / (len(by) - number)
            made.append(self._facet(question, one, limit, share_s))
        return {"facets": made}

    def _rows(self, query: str, counted: _Counted, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
        given = {**counted.parameters, **parameters, "step_s": counted.step_s, "limit": _MAX_ROWS}
        rows = self._pool.rows(query, given, {"counted": counted.sql, "names": counted.names})
        if len(rows) >= _MAX_ROWS:
            raise BadSearchError(f"by: more than {_MAX_ROWS} counts: choose a larger step, fewer fields or a filter")
        return rows

    def _facet(self, question: Question, by: Field, limit: int, budget_s: float) -> Json:
        until = self._clock() + budget_s
        counts: dict[Any, list[float]] = {}
        looked_from_ns = question.end_ns
        complete = True
        for from_ns, to_ns in _newest_first(question.start_ns, question.end_ns):
            left_s = until - self._clock()
            rows = self._facet_rows(question, by, from_ns, to_ns, left_s) if left_s > 0 else None
            if rows is None:
                complete = False
                break
            for value, *numbers in rows:
                so_far = counts.setdefault(value, [0, 0, 0])
                counts[value] = [one + more for one, more in zip(so_far, numbers, strict=True)]
            looked_from_ns = from_ns
        most = sorted(counts.items(), key=lambda item: (-item[1][0], item[0] is None, item[0] or b""))
        return {
            "field": written(by),
            "values": [
                {**shown(value), "span_count": spans, "calls": weighted, "error_count": errors}
                for value, (spans, weighted, errors) in most[:limit]
            ],
            "complete": complete,
            "start_unix_nano": str(looked_from_ns),
        }

    def _facet_rows(
        self, question: Question, by: Field, from_ns: int, to_ns: int, budget_s: float
    ) -> Sequence[Sequence[Any]] | None:
        """None where it took longer."""
        binder = Binder()
        matching = all_of(question.filters, binder)
        made = groups([by], binder)
        places = {
            "group": made.columns[0],
            "source": made.source(binder, matching),
            "matching": matching.sql,
        }
        parameters = {**binder.parameters, "from_ns": from_ns, "to_ns": to_ns, "limit": _FACET_VALUES}
        try:
            return self._pool.rows("facet", parameters, places, budget_s)
        except QueryTimeoutError:
            return None


def _counted(question: Question, by: Sequence[Field], step_s: int) -> _Counted:
    """`step_s` of 0 picks one. Raises BadSearchError."""
    fields = {*fields_of(question.filters), *by}
    minutes = fields <= _IN_MINUTES and step_s % MINUTE_S == 0
    step_s = step_s or _fitting_step(question, MINUTE_S if minutes else 1)
    first_s = question.start_ns // _SECOND_NS // step_s * step_s
    end_s = -(-question.end_ns // _SECOND_NS // step_s) * step_s
    starts_s = range(first_s, max(end_s, first_s + step_s), step_s)
    if len(starts_s) > MAX_POINTS:
        raise BadSearchError(f"step: {len(starts_s)} steps are more than {MAX_POINTS} points: choose a larger one")
    binder = Binder()
    matching = all_of(question.filters, binder)
    if question.entries_only:
        matching = every((matching, binder.piece("is_entry", cheap=True)))
    made = groups(by, binder)
    words = {"matching": matching.sql, "groups": "".join(f", {column}" for column in made.columns)}
    if not minutes:
        words["source"] = made.source(binder, matching)
    kind = "spans" if not minutes else "service_minutes" if fields <= _IN_SERVICE_MINUTES else "minutes"
    return _Counted(
        step_s=step_s,
        starts_s=starts_s,
        source="minutes" if minutes else "spans",
        sql=pieces(_COUNTED)[kind].substitute(words),
        names="".join(f", {name}" for name in made.names),
        parameters={
            **binder.parameters,
            "from_ns": starts_s[0] * _SECOND_NS,
            "to_ns": (starts_s[-1] + step_s) * _SECOND_NS,
        },
    )


# A window of a facet is cut off after so many values, so that one of another value for each span stays small.
_FACET_VALUES = 1000
# The newest five minutes, then windows that grow, so that a budget is spent on what is near.
_FIRST_WINDOW_NS = 300 * _SECOND_NS
_WINDOW_GROWTH = 4


def _newest_first(start_ns: int, end_ns: int) -> list[tuple[int, int]]:
    """Windows, both ends included, without gaps or overlaps."""
    windows = []
    length, to_ns = _FIRST_WINDOW_NS, end_ns
    while to_ns >= start_ns:
        from_ns = max(to_ns - length, start_ns)
        windows.append((from_ns, to_ns))
        to_ns = from_ns - 1
        length *= _WINDOW_GROWTH
    return windows


def _fitting_step(question: Question, least_s: int) -> int:
    length_s = (question.end_ns - question.start_ns) / _SECOND_NS
    return next((step for step in _STEPS_S if step >= least_s and length_s / step <= _STEPS), _STEPS_S[-1])


def _nothing(start_s: int, names: Sequence[str]) -> bytes:
    """The point of a step without calls, in the shape of red.sql."""
    durations = json.dumps(dict.fromkeys(names)).encode()
    return b'{"start_unix_nano":"%d000000000","calls":0,"errors":0,"durations_ns":%s}' % (start_s, durations)
