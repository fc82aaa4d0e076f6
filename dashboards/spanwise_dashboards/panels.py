"""The kinds of panel the boards are made of, each a function from measures to a `Panel`.

Unit, axis, thresholds, colour and description come from the measure and are not repeated on a board.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from spanwise.standard import Better
from spanwise_dashboards import promql
from spanwise_dashboards.board import Panel, Query
from spanwise_dashboards.elements import Heatmap, Stat, Table, TimeSeries, thresholds
from spanwise_dashboards.measures import (
    CLIENT_ERROR_RATIO,
    CLIENT_P50,
    CLIENT_P99,
    CLIENT_RATE,
    ERROR_RATIO,
    LATENCY_P50,
    LATENCY_P99,
    REQUEST_RATE,
    Measure,
    describe,
)
from spanwise_dashboards.promql import Expr, Scope

Json = dict[str, Any]
# Series that mean the same on every board look the same on every board.
_STATUS_COLORS = (("/^1|^2/", "green"), ("/^3/", "blue"), ("/^4/", "orange"), ("/^5/", "red"))
_MAX = "max"  # the query that carries the common maximum: its name, and Grafana's name of the property it sets


@dataclass(frozen=True, slots=True)
class Series:
    """One query of a time series panel. A legend without `{{...}}` is one line, in the measure's colour."""

    measure: Measure
    scope: Scope
    by: tuple[str, ...] = ()
    legend: str = ""
    exemplar: bool = False

    def query(self, ref_id: str) -> Query:
        expr = self.measure.expr(self.scope, self.by)
        return Query(expr, ref_id, self.legend or _legend(self.by, self.measure), exemplar=self.exemplar)


def _legend(by: tuple[str, ...], measure: Measure) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in by) or measure.title


def field_of(measure: Measure) -> Json:
    """What `fieldConfig.defaults` says of a measure wherever it is shown."""
    limits = thresholds(measure.thresholds, measure.better is Better.HIGHER)
    field: Json = {"unit": measure.unit, "thresholds": {"mode": "absolute", "steps": limits}}
    if measure.minimum is not None:
        field["min"] = measure.minimum
    if measure.maximum is not None:
        field["max"] = measure.maximum
    return field


def color_of(measure: Measure) -> Json:
    if measure.thresholds is not None:
        return {"mode": "thresholds"}
    return {"mode": "fixed", "fixedColor": measure.color or "text"}


def _override(name: str, **properties: Any) -> Json:
    """An override of the fields with this display name; a key's `__` stands for the dot in Grafana's property ids."""
    items = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    matcher = "byRegexp" if name.startswith("/") else "byName"
    return {"matcher": {"id": matcher, "options": name}, "properties": items}


def _fixed(color: str) -> Json:
    return {"mode": "fixed", "fixedColor": color}


def _colors(series: Sequence[Series]) -> list[Json]:
    if any(one.by == ("http_response_status_code",) for one in series):
        return [_override(pattern, color=_fixed(color)) for pattern, color in _STATUS_COLORS]
    named = [(one.legend or one.measure.title, one.measure.color) for one in series if not one.by]
    return [_override(legend, color=_fixed(color)) for legend, color in named if color]


def time_series(
    key: str,
    series: Sequence[Series],
    *,
    title: str = "",
    common_maximum: Expr | None = None,
    links: Sequence[Json] = (),
    series_links: Sequence[Json] = (),
    share: int = 1,
) -> Panel:
    """Lines over time. The axis is that of the first series' measure, whose unit all must share.

    `common_maximum`: an expression over all that the panel is to be compared with, of one value and without the
    repeated variable. Its highest value in the time range becomes the axis' end (Grafana's "config from query
    results"), so that the panels of a repeated row have equal axes; Grafana has no setting for that (grafana#4156).
    """
    measure = series[0].measure
    if {one.measure.unit for one in series} != {measure.unit}:
        raise ValueError(f"panel {key}: its series have different units")
    queries = [one.query(ref_id) for one, ref_id in zip(series, ascii_uppercase, strict=False)]
    transformations = []
    if common_maximum is not None:
        queries.append(Query(common_maximum, _MAX, _MAX))
        transformations.append(_common_maximum())
    field = field_of(measure)
    if measure.thresholds is not None:
        field["custom"] = {"thresholdsStyle": {"mode": "dashed"}}
    if series_links:
        field["links"] = list(series_links)
    element = TimeSeries(
        axisSoftMax=None if common_maximum else measure.soft_max,
        overrides=_colors(series),
        links=list(links),
        transformations=transformations,
        legendDisplayMode="list" if len(series) > 1 or not series[0].by else "table",
        legendPlacement="bottom",
        legendCalcs=["lastNotNull", "max"] if series[0].by else [],
        extraJson={"fieldConfig": {"defaults": field}},
    )
    return Panel(key, title or measure.title, describe([one.measure for one in series]), element, tuple(queries), share)


def repeated_row(
    section: str,
    one: Scope,
    every: Scope,
    by: tuple[str, ...],
    *,
    calls: bool = False,
    links: Sequence[Json] = (),
) -> tuple[Panel, ...]:
    """Rate and errors left, latency right, for the scope `one`, which names the repeated variable. Every panel's axis
    ends at the highest value of any group `by` in the scope `every`, so that the rows can be compared by eye."""
    rate, errors = (CLIENT_RATE, CLIENT_ERROR_RATIO) if calls else (REQUEST_RATE, ERROR_RATIO)
    median, slow = (CLIENT_P50, CLIENT_P99) if calls else (LATENCY_P50, LATENCY_P99)
    latency = [Series(median, one, legend="p50"), Series(slow, one, legend="p99", exemplar=True)]

    def panel(name: str, series: Sequence[Series], title: str, share: int = 1) -> Panel:
        measure = series[-1].measure
        return time_series(
            f"{section}/{name}",
            series,
            title=title,
            common_maximum=promql.highest(measure.expr(every, by), at_least=measure.soft_max),
            links=links,
            share=share,
        )

    return (
        panel("requests", [Series(rate, one)], ""),
        panel("errors", [Series(errors, one)], ""),
        panel("latency", latency, "Latency", 2),
    )


def _common_maximum() -> Json:
    mapping = {"fieldName": _MAX, "handlerKey": _MAX, "reducerId": _MAX}
    options = {"configRefId": _MAX, "mappings": [mapping], "applyTo": {"id": "numeric"}}
    return {"id": "configFromData", "options": options}


def stat(key: str, measure: Measure, scope: Scope, *, title: str = "", links: Sequence[Json] = ()) -> Panel:
    """The newest value, large, over its recent course."""
    element = Stat(
        format=measure.unit,
        color=color_of(measure),
        colorMode="value",
        graphMode="area",
        links=list(links),
        extraJson={"fieldConfig": {"defaults": field_of(measure)}},
    )
    query = Query(measure.expr(scope, ()), legend=measure.title)
    return Panel(key, title or measure.title, measure.description, element, (query,))


def heatmap(key: str, measure: Measure, scope: Scope, *, title: str, links: Sequence[Json] = ()) -> Panel:
    """How the events of a histogram spread over its buckets, over time, with exemplars to click on."""
    element = Heatmap(unit=measure.unit, links=list(links))
    expr = promql.buckets(measure.metric, scope)
    query = Query(expr, legend="{{le}}", format="heatmap", exemplar=True)
    what = "Events per bucket; a darker cell holds more. Dots are exemplars: click one to open its trace."
    description = f"{what}\n\nFrom `{measure.metric.name}`: {measure.metric.description}"
    return Panel(key, title, description, element, (query,))


def _described(intro: str, columns: Sequence[Measure]) -> str:
    return "\n".join([intro, "", *(f"- **{column.title}**: {column.what}" for column in columns)])


def trend_table(
    key: str,
    title: str,
    intro: str,
    label: str,
    heading: str,
    columns: Sequence[Measure],
    scope: Scope,
    *,
    cell_links: Sequence[Json] = (),
    links: Sequence[Json] = (),
) -> Panel:
    """One row for each value of `label`, ranked by the first column; each cell the newest value beside its course."""
    queries = [
        Query(column.expr(scope, (label,)), ref_id, legend=f"{{{{{label}}}}}")
        for column, ref_id in zip(columns, ascii_uppercase, strict=False)
    ]
    renamed = {f"Trend #{query.ref_id}": column.title for query, column in zip(queries, columns, strict=True)}
    transformations = [
        {"id": "timeSeriesTable", "options": {query.ref_id: {"stat": "lastNotNull"} for query in queries}},
        {"id": "joinByField", "options": {"byField": label, "mode": "outer"}},
        organize({label: heading, **renamed}),
    ]
    overrides = [_override(heading, links=list(cell_links), custom__width=220)]
    overrides += [_trend_column(column) for column in columns]
    element = _table(overrides, transformations, sort_by=columns[0].title, links=links)
    return Panel(key, title, _described(intro, columns), element, tuple(queries))


def _trend_column(measure: Measure) -> Json:
    properties: Json = {
        "unit": measure.unit,
        "min": measure.minimum,
        "noValue": "–",
        "color": color_of(measure),
        "thresholds": field_of(measure)["thresholds"],
        "custom__cellOptions": {"type": "sparkline", "hideValue": False, "lineWidth": 1, "fillOpacity": 10},
    }
    return _override(measure.title, **{name: value for name, value in properties.items() if value is not None})


def value_table(
    key: str,
    title: str,
    intro: str,
    labels: dict[str, str],
    columns: Sequence[Measure],
    scope: Scope,
    *,
    links: Sequence[Json] = (),
    descending: bool = True,
) -> Panel:
    """One row for each set of `labels` (label -> heading), ranked by the first column, over the whole time range."""
    whole_range = scope.over("$__range")
    queries = [
        Query(column.expr(whole_range, tuple(labels)), ref_id, instant=True, format="table")
        for column, ref_id in zip(columns, ascii_uppercase, strict=False)
    ]
    renamed = {f"Value #{query.ref_id}": column.title for query, column in zip(queries, columns, strict=True)}
    transformations = [{"id": "merge", "options": {}}, organize({**labels, **renamed}, hidden=("Time",))]
    overrides = [_value_column(column) for column in columns]
    element = _table(overrides, transformations, sort_by=columns[0].title, links=links, descending=descending)
    return Panel(key, title, _described(intro, columns), element, tuple(queries))


def _value_column(measure: Measure) -> Json:
    style = (
        {"type": "color-text"} if measure.thresholds else {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    )
    properties: Json = {
        "unit": measure.unit,
        "min": measure.minimum,
        "noValue": "–",
        "color": color_of(measure),
        "thresholds": field_of(measure)["thresholds"],
        "custom__cellOptions": style,
    }
    return _override(measure.title, **{name: value for name, value in properties.items() if value is not None})


def info_table(
    key: str, title: str, description: str, expr: Expr, headings: dict[str, str], *, overrides: Sequence[Json] = ()
) -> Panel:
    """One row for each series of a metric that is always 1: its labels."""
    query = Query(expr, instant=True, format="table")
    transformations = [organize(headings, hidden=("Time", "Value"))]
    first = next(iter(headings.values()))
    element = _table(list(overrides), transformations, sort_by=first, links=(), descending=False, unit="string")
    return Panel(key, title, description, element, (query,))


def link_column(heading: str, title: str, url: str) -> Json:
    """A column whose cells are links."""
    return _override(heading, links=[{"title": title, "url": url, "targetBlank": True}])


def organize(headings: dict[str, str], hidden: Sequence[str] = ()) -> Json:
    order = {name: index for index, name in enumerate(headings)}
    return {
        "id": "organize",
        "options": {
            "excludeByName": dict.fromkeys(hidden, True),
            "indexByName": order,
            "renameByName": headings,
        },
    }


def _table(
    overrides: list[Json],
    transformations: list[Json],
    *,
    sort_by: str,
    links: Sequence[Json],
    descending: bool = True,
    unit: str = "",
) -> Table:
    return Table(
        overrides=overrides,
        transformations=transformations,
        links=list(links),
        unit=unit,
        extraJson={
            "fieldConfig": {"defaults": {"thresholds": {"mode": "absolute", "steps": thresholds(None)}}},
            "options": {"sortBy": [{"displayName": sort_by, "desc": descending}]},
        },
    )
