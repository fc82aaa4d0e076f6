"""TraceQL metrics against sums made by hand over the spans that the evaluator finds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from spanwise_collector.store import Store
from spanwise_collector.traceql import Series, Shown, TraceQLError, parse
from spanwise_collector.traceql import _tree as tree
from tests.collector.otlp_requests import SECOND
from tests.collector.traceql.conftest import MAX_SERIES, Stored
from tests.collector.traceql.evaluator import Span, Trace, first, number, run, truth

STEP_NS, STEPS = 8 * SECOND, 4
Labels = tuple[tuple[str, Any], ...]
Points = dict[int, float]

QUERIES = [
    "{} | rate()",
    "{ false } | rate()",
    "{ false } | rate() by(name)",
    "{ nestedSetParent<0 && true } | rate() by(resource.service.name) with(sample=true)",
    "{nestedSetParent<0 && status=error} | rate() by(resource.region, .both)",
    "{status = error} | count_over_time()",
    "{} | count_over_time() by(span.n)",
    "{} | count_over_time() by(kind, status, span.flag)",
    "{} | count_over_time() by(span.n > 1, duration > 100ms)",
    "{} | count_over_time() by(event:name)",
    "{} | min_over_time(duration)",
    "{} | max_over_time(duration) by(name)",
    "{} | avg_over_time(duration) by(rootServiceName)",
    "{} | sum_over_time(span.n)",
    "{} | sum_over_time(span.n + span.m) by(name)",
    "{} | avg_over_time(.both)",
    "{} | min_over_time(span.absent)",
    "{} | max_over_time(duration - 100ms)",
    "{} | max_over_time(duration / 1ms)",
    "{} | histogram_over_time(duration)",
    "{} | histogram_over_time(duration) by(resource.service.name)",
    "{} | histogram_over_time(span.n)",
    "{} | quantile_over_time(duration, 0.9)",
    "{} | quantile_over_time(duration, 0, .5, .99, 1) by(kind)",
    "{} | quantile_over_time(span.m, 0.25) by(name)",
    "{ name = `a` } >> { kind = client } | rate()",
    "{ name = `a` } && { status = error } | count_over_time() by(name)",
    "{} | count() > 3 | rate() by(name)",
    "{ name = `a` } | { kind = server } | rate()",
    "{ traceDuration > 300ms } | rate() by(rootName)",
    "{} | select(name) | rate()",
]


def labels_of(shown: Sequence[Shown]) -> Labels:
    """1 and 1.0 are two values, so a label's value is not its Python value alone."""
    readers: dict[str, Callable[[bytes], Any]] = {
        "int": int, "double": float, "bool": lambda raw: raw == b"true", "empty": lambda raw: None,
    }  # fmt: skip
    return tuple((one.name, told_apart(readers.get(one.type, bytes.decode)(one.raw))) for one in shown)


def told_apart(value: Any) -> Any:
    return f"{type(value).__name__} {value}" if isinstance(value, bool | int | float) else value


def by_store(stored: Stored, query: str) -> dict[Labels, Points]:
    found = stored.traceql.metrics(parse(query), stored.from_ns, STEP_NS, STEPS)
    assert found.message == ""
    return {labels_of(series.labels): dict(series.points) for series in found.series}


def by_hand(stored: Stored, query: str) -> dict[Labels, Points]:
    parsed = parse(query)
    assert parsed.metric is not None
    metric = parsed.metric
    groups: dict[Labels, dict[int, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for trace in stored.traces:
        inside = _without_what_is_outside(stored, trace)
        for spanset in run(parsed, inside):
            for span in spanset:
                _add(groups, metric, span, inside, (span.start_ns - stored.from_ns) // STEP_NS)
    series: dict[Labels, Points] = {}
    for labels, steps in groups.items():
        for own, points in _series(metric, labels, steps):
            series[own] = points
    if metric.function in ("rate", "count_over_time"):
        if not metric.by:
            series.setdefault((("__name__", metric.function),), {})
        series = {labels: dict.fromkeys(range(STEPS), 0.0) | points for labels, points in series.items()}
    return series


def _without_what_is_outside(stored: Stored, trace: Trace) -> Trace:
    assert all(stored.from_ns <= span.start_ns < stored.from_ns + STEPS * STEP_NS for span in trace.spans)
    return trace


def _add(groups: Any, metric: tree.Metric, span: Span, trace: Trace, step: int) -> None:
    measured = 0.0
    if metric.of is not None:
        found = number(metric.of, span, trace)
        if found is None:
            return
        is_time = "duration" in metric.function or _in_ns(metric.of)
        measured = found / 1e9 if is_time else found
    weight = 1.0 if metric.function in ("min_over_time", "max_over_time") else span.multiplier
    if weight == 0 and metric.of is not None:
        return
    labels: Labels = tuple((_text(field), _plain(first(field, span, trace))) for field in metric.by)
    if metric.function == "histogram_over_time":
        labels += (("__bucket", told_apart(_power_of_two(found, 1e9 if _in_ns(metric.of) else 1.0))),)
    groups[labels][step].append((measured, weight))


def _text(field: tree.Field) -> str:
    if isinstance(field, tree.Binary):
        return f"{_text(field.left)} {field.operator} {_text(field.right)}"
    assert isinstance(field, tree.Attribute | tree.Intrinsic | tree.Literal)
    return field.text


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else told_apart(value)


def _in_ns(field: tree.Field | None) -> bool:
    if isinstance(field, tree.Binary):
        return field.operator != "/" and _in_ns(field.left)
    return isinstance(field, tree.Intrinsic) and field.name == "duration"


def _power_of_two(value: float, unit: float) -> float:
    return 2.0 ** math.ceil(math.log2(value)) / unit if value > 0 else 0.0


def _series(metric: tree.Metric, labels: Labels, steps: dict[int, list[tuple[float, float]]]) -> Any:
    name = (("__name__", metric.function),)
    if metric.function == "quantile_over_time":
        for quantile in metric.quantiles:
            points = {step: _quantile(found, quantile) for step, found in steps.items()}
            yield (*labels, ("p", told_apart(quantile))), points
        return
    functions: dict[str, Callable[[list[tuple[float, float]]], float]] = {
        "rate": lambda found: sum(w for _, w in found) / (STEP_NS / 1e9),
        "count_over_time": lambda found: sum(w for _, w in found),
        "histogram_over_time": lambda found: sum(w for _, w in found),
        "min_over_time": lambda found: min(x for x, _ in found),
        "max_over_time": lambda found: max(x for x, _ in found),
        "sum_over_time": lambda found: math.fsum(x * w for x, w in found),
        "avg_over_time": lambda found: math.fsum(x * w for x, w in found) / sum(w for _, w in found),
    }
    yield labels or name, {step: functions[metric.function](found) for step, found in steps.items()}


def _quantile(found: list[tuple[float, float]], quantile: float) -> float:
    """The least value that has the share of all weight up to it."""
    whole, up_to = sum(w for _, w in found), 0.0
    for value, weight in sorted(found):
        up_to += weight
        if up_to >= whole * quantile:
            return value
    return sorted(found)[-1][0]


@pytest.mark.parametrize("query", QUERIES)
def test_the_same_series(stored: Stored, store: Store, query: str) -> None:
    found, expected = by_store(stored, query), by_hand(stored, query)
    assert found.keys() == expected.keys()
    for labels, points in expected.items():
        assert found[labels] == pytest.approx(points), labels


def test_a_comparison(stored: Stored, store: Store) -> None:
    query = parse("{ kind = server } | compare({ status = error }, 3)")
    found = stored.traceql.metrics(query, stored.from_ns, STEP_NS, STEPS).series
    assert query.metric is not None and query.metric.of is not None
    counts: dict[tuple[str, str, Any], int] = defaultdict(int)
    totals: dict[tuple[str, str], int] = defaultdict(int)
    for trace in stored.traces:
        for span in trace.spans:
            if span.kind == "server":
                side = "selection" if truth(query.metric.of, span, trace) else "baseline"
                known = {"name": span.name, "status": span.status, "span.m": told_apart(span.attributes.get("m"))}
                known["resource.service.name"] = span.origin.resource["service.name"]
                for name, value in known.items():
                    if value is not None:
                        counts[side, name, value] += 1
                        totals[side, name] += 1
    for name in ("name", "status", "span.m", "resource.service.name"):
        for side in ("selection", "baseline"):
            values = {value: count for (s, n, value), count in counts.items() if (s, n) == (side, name)}
            shown = _compared(found, side, name)
            assert len(shown) == min(len(values), 3)
            assert shown == {value: values[value] for value in shown}
            assert sorted(shown.values()) == sorted(values.values())[-3:]
            assert _compared(found, f"{side}_total", name) == {None: totals[side, name]}
    errors = {labels[2][0] for one in found if "__meta_error" in dict(labels := labels_of(one.labels))}
    assert "name" in errors and "span.m" not in errors


def _compared(found: Sequence[Series], side: str, name: str) -> dict[Any, float]:
    all_labels = [(labels_of(one.labels), one) for one in found]
    return {
        dict(labels)[name]: sum(one.points.values())
        for labels, one in all_labels
        if labels[0] == ("__meta_type", side) and name in dict(labels) and "__meta_error" not in dict(labels)
    }


def test_a_comparison_selects_by_time_too(stored: Stored, store: Store) -> None:
    end = stored.from_ns + 2 * STEP_NS
    query = parse(f"{{}} | compare({{ true }}, 10, {stored.from_ns}, {end})")
    found = stored.traceql.metrics(query, stored.from_ns, STEP_NS, STEPS).series
    expected = sum(span.start_ns < end for trace in stored.traces for span in trace.spans)
    assert _compared(found, "selection_total", "name") == {None: expected}


def test_exemplars_are_the_slowest_spans(stored: Stored, store: Store) -> None:
    (series,) = stored.traceql.metrics(parse("{} | max_over_time(duration)"), stored.from_ns, STEP_NS, STEPS).series
    for step, exemplar in series.exemplars.items():
        assert exemplar.value == series.points[step]
        (trace,) = [one for one in stored.traces if one.trace_id == exemplar.trace_id]
        (slowest,) = [one for one in trace.spans if one.start_ns // 10**6 == exemplar.time_ms
                      and one.duration_ns == round(exemplar.value * 1e9)]  # fmt: skip
        assert slowest
    (rate,) = stored.traceql.metrics(parse("{} | rate()"), stored.from_ns, STEP_NS, STEPS).series
    assert {step: one.value for step, one in rate.exemplars.items()} == dict(rate.points)


@pytest.mark.parametrize(("function", "largest"), [("topk", True), ("bottomk", False)])
def test_ranks_keep_so_many_at_each_step(stored: Stored, store: Store, function: str, largest: bool) -> None:
    whole = by_store(stored, "{} | rate() by(name, kind)")
    kept = by_store(stored, f"{{}} | rate() by(name, kind) | {function}(3)")
    for step in range(STEPS):
        values = sorted((points[step] for points in whole.values()), reverse=largest)[:3]
        assert sorted((points[step] for points in kept.values() if step in points), reverse=largest) == values


def test_of_too_many_series_the_largest_are_answered(stored: Stored, store: Store) -> None:
    found = stored.traceql.metrics(parse("{} | rate() by(span:id)"), stored.from_ns, STEP_NS, STEPS)
    assert len(found.series) == MAX_SERIES and "SPANWISE_COLLECTOR_MAX_SERIES" in found.message


def test_a_search_is_no_metric(stored: Stored, store: Store) -> None:
    with pytest.raises(TraceQLError, match=r"\| rate\(\)"):
        stored.traceql.metrics(parse("{}"), stored.from_ns, STEP_NS, STEPS)
    query = parse("{} | rate()")
    assert query.metric is not None and replace(query.metric, function="rate") == query.metric
