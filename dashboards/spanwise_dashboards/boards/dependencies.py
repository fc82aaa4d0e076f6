"""Dependencies: who calls whom over HTTP, how often, how fast, and how it fails, as the callers see it."""

from __future__ import annotations

from spanwise.standard import HTTP_CLIENT_REQUEST_DURATION
from spanwise_dashboards import links, promql
from spanwise_dashboards.board import Board, Line, Panel, Section
from spanwise_dashboards.measures import CLIENT_ERROR_RATIO, CLIENT_P99, CLIENT_RATE, Measure
from spanwise_dashboards.panel_kinds import node_graph
from spanwise_dashboards.panels import Series, heatmap, repeated_row, time_series, value_table
from spanwise_dashboards.promql import Expr
from spanwise_dashboards.variables import DATASOURCE, ENVIRONMENT, FLEET, SELECTED, SERVICE_NAMES, SERVICE_VERSIONS

_BY = ("service_name", "server_address")
_CALL = {"service_name": "Caller", "server_address": "Server"}
_MEASURES = (CLIENT_RATE, CLIENT_ERROR_RATIO, CLIENT_P99)


def dependencies() -> Board:
    """Calls between services and to the world outside."""
    return Board(
        uid=links.DEPENDENCIES_UID,
        title="Dependencies",
        description="Who calls whom over HTTP, how often, how fast, and how it fails.",
        variables=(DATASOURCE, ENVIRONMENT, SERVICE_NAMES, SERVICE_VERSIONS),
        sections=(
            Section("map", "Who calls whom", (Line((_graph(), _table()), 11),)),
            Section("overlay", "All in one", (Line(tuple(map(_overlay, _MEASURES)), 9),)),
            Section("heatmap", "All calls", (Line((_heatmap(),), 8),)),
            Section(
                "service",
                "$service_name",
                (Line(repeated_row("service", SELECTED, FLEET, ("service_name",), calls=True), 7),),
                repeat="service_name",
            ),
        ),
        links=links.to_boards(links.DEPENDENCIES_UID),
    )


def _overlay(measure: Measure) -> Panel:
    return time_series(f"overlay/{measure.key}", [Series(measure, SELECTED, _BY)])


def _heatmap() -> Panel:
    return heatmap("heatmap/calls", CLIENT_P99, SELECTED, title="Duration of calls")


def _table() -> Panel:
    return value_table(
        "map/calls",
        "Calls, busiest first",
        "One row for each caller and address it calls, over the whole time range.",
        _CALL,
        _MEASURES,
        SELECTED,
    )


def _graph() -> Panel:
    calls = promql.rate(HTTP_CLIENT_REQUEST_DURATION, SELECTED, _BY).text
    by_caller = promql.rate(HTTP_CLIENT_REQUEST_DURATION, SELECTED, ("service_name",)).text
    by_server = promql.rate(HTTP_CLIENT_REQUEST_DURATION, SELECTED, ("server_address",)).text
    nodes = f"sum by (id) ({_copied(by_caller, 'id', 'service_name')} or {_copied(by_server, 'id', 'server_address')})"
    edges = _copied(_copied(calls, "source", "service_name"), "target", "server_address")
    edges = f'sum by (id, source, target) (label_join({edges}, "id", " to ", "source", "target"))'
    metrics = (HTTP_CLIENT_REQUEST_DURATION,)
    return node_graph(
        "map/graph",
        "Calls a second",
        "An arrow for each caller and address it calls; the numbers are calls a second.\n\n"
        f"From `{HTTP_CLIENT_REQUEST_DURATION.name}`: {HTTP_CLIENT_REQUEST_DURATION.description}",
        Expr(nodes, metrics, ("id",)),
        Expr(edges, metrics, ("id", "source", "target")),
        ("id", "source", "target"),
        "reqps",
    )


def _copied(inner: str, target: str, source: str) -> str:
    return f'label_replace({inner}, "{target}", "$1", "{source}", "(.+)")'
