"""Routes: those of any services, ranked, then a row for each on equal axes."""

from __future__ import annotations

from spanwise_dashboards import links
from spanwise_dashboards.board import Board, Line, Panel, Section
from spanwise_dashboards.measures import (
    ERROR_RATIO,
    LATENCY_P50,
    LATENCY_P90,
    LATENCY_P99,
    REQUEST_RATE,
)
from spanwise_dashboards.panels import Series, repeated_row, time_series, value_table
from spanwise_dashboards.variables import (
    DATASOURCE,
    ENVIRONMENT,
    ONE_ROUTE,
    ROUTE,
    SELECTED,
    SERVICE_NAMES,
    SERVICE_VERSIONS,
)

_ROUTE = {"service_name": "Service", "http_request_method": "Method", "http_route": "Route"}


def routes() -> Board:
    """Every route of the chosen services."""
    return Board(
        uid=links.ROUTES_UID,
        title="Routes",
        description="Routes of one or more services, ranked and side by side.",
        variables=(DATASOURCE, ENVIRONMENT, SERVICE_NAMES, SERVICE_VERSIONS, ROUTE),
        sections=(
            Section("ranked", "Ranked", (Line((_table(),), 10),)),
            Section("overlay", "All in one", (Line(_overlays(), 9),)),
            Section(
                "route",
                "$route",
                (Line(repeated_row("route", ONE_ROUTE, SELECTED, ("service_name", "http_route")), 7),),
                repeat="route",
            ),
        ),
        links=links.to_boards(links.ROUTES_UID),
    )


def _table() -> Panel:
    return value_table(
        "ranked/routes",
        "Routes, busiest first",
        "One row for each service, method and route, over the whole time range. An empty route is one that "
        "matched nothing.",
        _ROUTE,
        (REQUEST_RATE, ERROR_RATIO, LATENCY_P50, LATENCY_P90, LATENCY_P99),
        SELECTED,
    )


def _overlays() -> tuple[Panel, ...]:
    by = ("service_name", "http_route")
    return tuple(
        time_series(f"overlay/{measure.key}", [Series(measure, ONE_ROUTE, by)])
        for measure in (REQUEST_RATE, ERROR_RATIO, LATENCY_P99)
    )
