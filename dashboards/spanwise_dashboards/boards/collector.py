"""Collector: what comes in, what waits, what is stored, and what was refused or lost on the way."""

from __future__ import annotations

from dataclasses import replace

from spanwise.standard import Kind, Metric
from spanwise_dashboards import links, promql
from spanwise_dashboards.board import Board, Line, Panel, Section
from spanwise_dashboards.collector_metrics import COLLECTOR_BY_NAME, COLLECTOR_METRICS
from spanwise_dashboards.measures import Build, Measure, default_measure
from spanwise_dashboards.panels import Series, stat, time_series
from spanwise_dashboards.promql import Expr, Scope
from spanwise_dashboards.variables import COLLECTOR_NAME, DATASOURCE, ENVIRONMENT, ONE_SERVICE, SERVICE_VERSION

_ALWAYS_THERE = COLLECTOR_BY_NAME["spanwise_collector_spool_bytes"]
_STATS = ("received_spans_total", "stored_spans_total", "rejected_spans_total", "spool_waiting_bytes", "store_spans")
_SECTIONS = (
    (
        "intake",
        "In",
        ("received_spans_total", "received_bytes_total", "rejected_spans_total", "rejected_requests_total"),
    ),
    (
        "spool",
        "Spool",
        ("spool_bytes", "spool_waiting_bytes", "spool_oldest_age_seconds", "spool_sync_duration_seconds"),
    ),
    (
        "store",
        "Store",
        ("stored_spans_total", "insert_duration_seconds", "insert_retries_total", "set_aside_requests_total"),
    ),
)
_PER_LINE = 4
_PREFIX = "spanwise_collector_"


def collector() -> Board:
    """The collector as a service of its own; its requests and processes are on the boards of every service."""
    placed = {name for _, _, names in _SECTIONS for name in names}
    rest = tuple(metric.name.removeprefix(_PREFIX) for metric in COLLECTOR_METRICS)
    more = tuple(name for name in rest if name not in placed)
    return Board(
        uid=links.COLLECTOR_UID,
        title="Collector",
        description="How the span collector is doing: intake, spool, store, losses.",
        variables=(DATASOURCE, ENVIRONMENT, COLLECTOR_NAME, SERVICE_VERSION),
        sections=(
            Section("now", "Now", (Line(tuple(map(_stat, _STATS)), 4),)),
            *(Section(key, title, _lines(names)) for key, title, names in _SECTIONS),
            Section("more", "Everything else", _lines(more)),
        ),
        links=links.to_boards(links.COLLECTOR_UID),
    )


def measure_of(name: str) -> Measure:
    """The measure of one of the collector's metrics; a counter that has not begun is 0, not nothing."""
    metric = COLLECTOR_BY_NAME[_PREFIX + name]
    measure = default_measure(metric)
    title = measure.title.removeprefix("Spanwise collector ").capitalize()
    if metric.kind is not Kind.COUNTER:
        return replace(measure, title=title)
    return replace(measure, title=title, expr=_counted(metric))


def _counted(metric: Metric) -> Build:
    def expr(scope: Scope, by: tuple[str, ...]) -> Expr:
        return promql.rate_where_there_is(metric, _ALWAYS_THERE, scope, by)

    return expr


def _stat(name: str) -> Panel:
    return stat(f"now/{name}", measure_of(name), ONE_SERVICE)


def _lines(names: tuple[str, ...]) -> tuple[Line, ...]:
    panels = [time_series(f"chart/{name}", [Series(measure_of(name), ONE_SERVICE)]) for name in names]
    return tuple(Line(tuple(panels[start : start + _PER_LINE]), 7) for start in range(0, len(panels), _PER_LINE))
