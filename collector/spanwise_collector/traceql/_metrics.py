"""A TraceQL metric as a query: what is measured of each span, how it is added up, and by what it is parted.

Counts, rates, sums, averages, histograms and quantiles weigh each span by its adjusted count, so that they tell of all
requests and not of the sampled ones; a span that was kept for its own sake weighs nothing. A minimum and a maximum are
of the spans there are, and `compare` counts these, because it asks in what they differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spanwise_collector.query import Binder
from spanwise_collector.traceql._fields import INTRINSICS
from spanwise_collector.traceql._pieces import piece
from spanwise_collector.traceql._search import written
from spanwise_collector.traceql._spansets import Relation, Scope
from spanwise_collector.traceql._tree import Binary, Field, Intrinsic, Literal, Metric, Pipeline, Unary

COMPARE = "compare"
_COUNTS = frozenset({"rate", "count_over_time"})
_UNWEIGHTED = frozenset({"min_over_time", "max_over_time", *_COUNTS})
_NS_IN_S = 10**9
HISTOGRAM, QUANTILE = "histogram_over_time", "quantile_over_time"
BUCKET = "__bucket"


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """For `traceql_metrics.sql`, or `traceql_compare.sql` where the metric is a comparison."""

    parameters: dict[str, Any]
    places: dict[str, str]
    labels: tuple[str, ...]
    patterns: tuple[str, ...]


def metric_query(pipeline: Pipeline, metric: Metric, step_ns: int) -> MetricQuery:
    """Raises TraceQLError."""
    relation = Relation(Binder(), Scope.WINDOW)
    if metric.function == COMPARE:
        places, labels = _compared(relation, metric), dict[str, str]()
    else:
        labels = {written(field): relation.pair(field) for field in metric.by}
        places = _measured(relation, metric, step_ns, labels)
    compiled = relation.compile(pipeline)
    places |= {"tree": compiled.tree, "spansets": compiled.sql}
    return MetricQuery(relation.binder.parameters, places, tuple(labels), compiled.patterns)


def is_duration(field: Field | None) -> bool:
    """Whether an expression is in nanoseconds, to be told in seconds."""
    if isinstance(field, Intrinsic):
        return INTRINSICS[field.name].is_duration
    if isinstance(field, Literal):
        return field.is_duration
    if isinstance(field, Unary):
        return is_duration(field.operand)
    if isinstance(field, Binary):
        left, right = is_duration(field.left), is_duration(field.right)
        return left and not right if field.operator == "/" else left or right
    return False


def _measured(relation: Relation, metric: Metric, step_ns: int, labels: dict[str, str]) -> dict[str, str]:
    weight = relation.value(piece("intrinsic_multiplier"))
    duration = relation.value(piece("intrinsic_duration"))
    measured, condition = piece("in_seconds", value=duration), "true"
    if metric.of is not None:
        raw = relation.number(metric.of)
        in_ns = is_duration(metric.of)
        measured = piece("in_seconds", value=raw) if in_ns else raw
        unweighted = "true" if metric.function in _UNWEIGHTED else "false"
        condition = piece("has_weight", measured=raw, weight=weight, unweighted=unweighted)
        if metric.function == HISTOGRAM:
            unit = str(_NS_IN_S if in_ns else 1)
            labels[BUCKET] = piece("bucket_pair", value=raw, nanoseconds=f"assumeNotNull({raw})", unit=unit)
    words = {"weight": weight, "measured": f"assumeNotNull({measured})" if metric.of is not None else measured}
    if metric.function == "rate":
        words["seconds"] = relation.binder.bind(step_ns / _NS_IN_S, "Float64")
    if metric.function == QUANTILE:
        words["quantiles"] = ", ".join(relation.binder.bind(quantile, "Float64") for quantile in metric.quantiles)
    return {
        "labels": ", ".join(labels.values()),
        "point": piece(f"metric_{metric.function}", **words),
        "measured": measured,
        "duration": duration,
        "condition": condition,
    }


def _compared(relation: Relation, metric: Metric) -> dict[str, str]:
    selected = relation.condition(metric.of)
    if metric.selection_window_ns is not None:
        start, end = (relation.binder.bind(time_ns, "Int64") for time_ns in metric.selection_window_ns)
        selected = piece("selected_then", condition=selected, start=start, end=end)
    return {"selected": selected, "attributes": relation.compared_attributes()}
