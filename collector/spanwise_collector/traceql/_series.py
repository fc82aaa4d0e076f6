"""Rows of a metric as series of points in time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spanwise_collector.traceql._metrics import QUANTILE
from spanwise_collector.traceql._shown import Shown
from spanwise_collector.traceql._tree import Metric, Rank

_ZERO_FILLED = frozenset({"rate", "count_over_time"})


@dataclass(frozen=True, slots=True)
class Exemplar:
    trace_id: str
    time_ms: int
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """`points` are values by time step."""

    labels: tuple[Shown, ...]
    points: Mapping[int, float]
    exemplars: Mapping[int, Exemplar]


def series_of(metric: Metric, labels: Sequence[str], rows: Iterable[Sequence[Any]], steps: int) -> list[Series]:
    """From rows of traceql_metrics. A rate or a count has a point for every step, others where there were spans."""
    found = [series for row in rows for series in _of_row(metric, labels, row)]
    if metric.function not in _ZERO_FILLED:
        return found
    if not found and not labels:
        found = [Series((_name(metric),), {}, {})]
    zeros = dict.fromkeys(range(steps), 0.0)
    return [replace(series, points=zeros | dict(series.points)) for series in found]


def _of_row(metric: Metric, names: Sequence[str], row: Sequence[Any]) -> Iterator[Series]:
    labels = tuple(
        Shown(name, pair["type"].decode(), pair["value"]) for name, pair in zip(names, row[0], strict=True)
    )  # fmt: skip
    for place in range(max(len(metric.quantiles), 1)):
        own = labels
        if metric.function == QUANTILE:
            own = (*labels, Shown("p", "double", repr(metric.quantiles[place]).encode()))
        points = {step: values[place] for step, values, *_ in row[1] if math.isfinite(values[place])}
        yield Series(own or (_name(metric),), points, dict(_exemplars(metric, row[1], points)))


def _exemplars(
    metric: Metric, points: Iterable[Sequence[Any]], values: Mapping[int, float]
) -> Iterator[tuple[int, Exemplar]]:
    """The slowest span of each step; of a rate or count at the height of its line, else at its own value."""
    for step, _, trace_id, time_ms, measured in points:
        value = values.get(step, 0.0) if metric.function in _ZERO_FILLED else measured
        if math.isfinite(value):
            yield step, Exemplar(trace_id.decode(), time_ms, value)


def _name(metric: Metric) -> Shown:
    return Shown("__name__", "string", metric.function.encode())


def compared_series(rows: Iterable[Sequence[Any]], top: int) -> Iterator[Series]:
    """From rows of traceql_compare."""
    for selected, name, kind, value, points, known in rows:
        side = "selection" if selected else "baseline"
        is_total = kind == b"total"
        attribute = Shown(name.decode("utf-8", "replace"), "empty" if is_total else kind.decode(), value)
        counts = {step: float(spans) for step, spans in points}
        meta = Shown("__meta_type", "string", f"{side}_total".encode() if is_total else side.encode())
        yield Series((meta, attribute), counts, {})
        if is_total and known > top:
            error = Shown("__meta_error", "string", b"__too_many_values__")
            yield Series((Shown("__meta_type", "string", side.encode()), error, attribute), {}, {})


def ranked(series: Sequence[Series], ranks: Iterable[Rank]) -> list[Series]:
    """topk and bottomk: at each step only so many."""
    left = list(series)
    for rank in ranks:
        kept: list[dict[int, float]] = [{} for _ in left]
        for step in {step for one in left for step in one.points}:
            there = [place for place, one in enumerate(left) if step in one.points]
            there.sort(key=lambda place: left[place].points[step], reverse=rank.largest)
            for place in there[: rank.count]:
                kept[place][step] = left[place].points[step]
        left = [
            replace(
                one, points=points, exemplars={step: one.exemplars[step] for step in points if step in one.exemplars}
            )
            for one, points in zip(left, kept, strict=True)
            if points
        ]
    return left


def _only(series: Series, points: Mapping[int, float]) -> Series:
    exemplars = {step: one for step, one in series.exemplars.items() if step in points}
    return replace(series, points=points, exemplars=exemplars)
