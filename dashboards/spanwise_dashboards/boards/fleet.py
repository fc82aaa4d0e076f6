"""Fleet: every service on one page, from one number down to one row each, on equal axes.

The order is that of a glance: is anything wrong (stats), which service (ranked table), since when (all in one chart),
how does each look (a row per service: rate and errors left, latency right, as Tom Wilkie's RED boards have it).
"""

from __future__ import annotations

from spanwise_dashboards import links
from spanwise_dashboards.board import Board, Line, Panel, Section
from spanwise_dashboards.measures import (
    CPU,
    ERROR_RATIO,
    IN_FLIGHT,
    INSTANCES,
    LATENCY_P50,
    LATENCY_P99,
    MEMORY,
    REQUEST_RATE,
    SERVICES,
    SPANS_DROPPED,
    Measure,
)
from spanwise_dashboards.panels import Series, repeated_row, stat, time_series, trend_table
from spanwise_dashboards.variables import DATASOURCE, ENVIRONMENT, FLEET, SELECTED, SERVICE_NAMES, SERVICE_VERSIONS

_BY_SERVICE = ("service_name",)
_OPEN = [links.panel_link("Open ${__field.labels.service_name}", links.SERVICE_OF_SERIES)]
_DOWN = [links.panel_link("Service board", links.SERVICE_OF_ROW)]


def fleet() -> Board:
    """Covers every service that Prometheus scrapes; a new one appears without generating again."""
    return Board(
        uid=links.FLEET_UID,
        title="Fleet",
        description="Every service side by side, on equal axes.",
        variables=(DATASOURCE, ENVIRONMENT, SERVICE_NAMES, SERVICE_VERSIONS),
        sections=(
            Section("now", "Now", (Line(_stats(), height=4),)),
            Section("ranked", "Services", (Line((_ranking(),), height=10),)),
            Section(
                "overlay", "All in one", (Line(tuple(map(_overlay, (REQUEST_RATE, ERROR_RATIO, LATENCY_P99))), 9),)
            ),
            Section(
                "service",
                "$service_name",
                (Line(repeated_row("service", SELECTED, FLEET, _BY_SERVICE, links=_DOWN), height=7),),
                repeat="service_name",
            ),
        ),
        links=links.to_boards(links.FLEET_UID),
    )


def _stats() -> tuple[Panel, ...]:
    measures = (SERVICES, INSTANCES, REQUEST_RATE, ERROR_RATIO, LATENCY_P99, IN_FLIGHT, SPANS_DROPPED)
    down = [links.panel_link("Service board", f"/d/{links.SERVICE_UID}")]
    return tuple(stat(f"now/{measure.key}", measure, FLEET, links=down) for measure in measures)


def _ranking() -> Panel:
    return trend_table(
        "ranked/services",
        "Services, busiest first",
        "One row for each service; click a heading to rank by it, a name to open its board.",
        "service_name",
        "Service",
        (REQUEST_RATE, ERROR_RATIO, LATENCY_P50, LATENCY_P99, IN_FLIGHT, CPU, MEMORY),
        SELECTED,
        cell_links=[links.panel_link("Open ${__value.text}", links.SERVICE_OF_CELL)],
    )


def _overlay(measure: Measure) -> Panel:
    series = [Series(measure, SELECTED, _BY_SERVICE)]
    return time_series(f"overlay/{measure.key}", series, series_links=_OPEN)
