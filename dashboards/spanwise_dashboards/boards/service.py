"""Service: one service in detail, from its requests down to its processes.

RED first (rate, errors, duration), then where it goes (routes), what it waits for (dependencies), what it runs out of
(saturation), and each instance with the way to its `/admin`.
"""

from __future__ import annotations

from spanwise.standard import TARGET_INFO, Metric
from spanwise_dashboards import links, promql
from spanwise_dashboards.board import Board, Line, Panel, Section
from spanwise_dashboards.measures import (
    CLIENT_ERROR_RATIO,
    CLIENT_P99,
    CLIENT_RATE,
    CPU,
    ERROR_RATIO,
    GC_PAUSE,
    IN_FLIGHT,
    INSTANCES,
    LATENCY_P50,
    LATENCY_P90,
    LATENCY_P99,
    MEMORY,
    OPEN_FILES,
    REQUEST_RATE,
    SPANS_DROPPED,
    UPTIME,
    Measure,
    remaining_measures,
)
from spanwise_dashboards.panel_kinds import trace_list
from spanwise_dashboards.panels import (
    Series,
    heatmap,
    info_table,
    link_column,
    stat,
    time_series,
    trend_table,
    value_table,
)
from spanwise_dashboards.variables import DATASOURCE, ENVIRONMENT, ONE_SERVICE, SERVICE_NAME, SERVICE_VERSION, TRACES

_ROUTE = {"http_request_method": "Method", "http_route": "Route"}
_BY_ROUTE = tuple(_ROUTE)
_BY_SERVER = ("server_address",)
_BY_INSTANCE = ("instance",)
_PER_LINE = 4


def service(collector_url: str, metrics: tuple[Metric, ...]) -> Board:
    """One board for every service, chosen by the variable `service_name`; `metrics` is the standard's table."""
    traces = links.panel_link("Traces", links.to_traces(collector_url))
    return Board(
        uid=links.SERVICE_UID,
        title="Service",
        description="One service: requests, routes, dependencies, saturation, runtime, instances.",
        variables=(DATASOURCE, ENVIRONMENT, SERVICE_NAME, SERVICE_VERSION, TRACES),
        sections=(
            Section("now", "Now", (Line(_stats(traces), height=4),)),
            Section("requests", "Requests", _requests(traces)),
            Section("routes", "Routes", _routes(traces)),
            Section("dependencies", "Dependencies", _dependencies(traces)),
            Section("saturation", "Saturation", _grid("saturation", _SATURATION)),
            Section("runtime", "Runtime and telemetry", _grid("runtime", (*_RUNTIME, *remaining_measures(metrics)))),
            Section("instances", "Instances", (Line((_instances(),), height=7),)),
            Section("traces", "Traces", (Line((_newest_traces(),), height=9),)),
        ),
        links=(
            *links.to_boards(links.SERVICE_UID),
            links.board_link("Traces", links.to_traces(collector_url), "The newest traces of this service"),
        ),
    )


_SATURATION = (IN_FLIGHT, CPU, MEMORY, OPEN_FILES)
_RUNTIME = (GC_PAUSE, UPTIME, SPANS_DROPPED)


def _stats(traces: dict[str, object]) -> tuple[Panel, ...]:
    measures = (REQUEST_RATE, ERROR_RATIO, LATENCY_P50, LATENCY_P99, IN_FLIGHT, INSTANCES)
    return tuple(stat(f"now/{measure.key}", measure, ONE_SERVICE, links=[traces]) for measure in measures)


def _requests(traces: dict[str, object]) -> tuple[Line, ...]:
    by_status = Series(REQUEST_RATE, ONE_SERVICE, ("http_response_status_code",))
    latency = [
        Series(LATENCY_P50, ONE_SERVICE, legend="p50"),
        Series(LATENCY_P90, ONE_SERVICE, legend="p90"),
        Series(LATENCY_P99, ONE_SERVICE, legend="p99", exemplar=True),
    ]
    return (
        Line(
            (
                time_series("requests/rate", [by_status], title="Requests by status", links=[traces]),
                time_series("requests/errors", [Series(ERROR_RATIO, ONE_SERVICE)], links=[traces]),
                time_series("requests/latency", latency, title="Latency", links=[traces]),
            )
        ),
        Line(
            (heatmap("requests/heatmap", LATENCY_P99, ONE_SERVICE, title="Latency, all requests", links=[traces]),), 9
        ),
    )


def _routes(traces: dict[str, object]) -> tuple[Line, ...]:
    table = value_table(
        "routes/table",
        "Routes, busiest first",
        "One row for each method and route, over the whole time range. An empty route is one that matched nothing.",
        _ROUTE,
        (REQUEST_RATE, ERROR_RATIO, LATENCY_P50, LATENCY_P90, LATENCY_P99),
        ONE_SERVICE,
        links=[traces],
    )
    charts = (REQUEST_RATE, ERROR_RATIO, LATENCY_P99)
    return (
        Line((table,), 9),
        Line(tuple(_chart("routes", measure, _BY_ROUTE, [traces]) for measure in charts), 9),
    )


def _dependencies(traces: dict[str, object]) -> tuple[Line, ...]:
    measures = (CLIENT_RATE, CLIENT_ERROR_RATIO, CLIENT_P99)
    table = trend_table(
        "dependencies/table",
        "Calls by server, busiest first",
        "One row for each address the service calls. Empty where it makes no HTTP calls.",
        "server_address",
        "Server",
        measures,
        ONE_SERVICE,
        links=[traces],
    )
    return (
        Line((table,), 6),
        Line(tuple(_chart("dependencies", measure, _BY_SERVER, [traces]) for measure in measures), 9),
    )


def _chart(section: str, measure: Measure, by: tuple[str, ...], panel_links: list[dict[str, object]]) -> Panel:
    return time_series(f"{section}/{measure.key}", [Series(measure, ONE_SERVICE, by)], links=panel_links)


def _grid(section: str, measures: tuple[Measure, ...]) -> tuple[Line, ...]:
    """A chart for each measure with a line for each instance, a few to a line of the board."""
    charts = [_chart(section, measure, _BY_INSTANCE, []) for measure in measures]
    return tuple(Line(tuple(charts[start : start + _PER_LINE])) for start in range(0, len(charts), _PER_LINE))


def _newest_traces() -> Panel:
    return trace_list(
        "traces/newest",
        "Newest traces",
        "Sampled traces that the service took part in, from the data source that the variable `traces` names; a click "
        "on an id opens the trace.",
        '{resource.service.name="$service_name"}',
    )


def _instances() -> Panel:
    headings = {
        "instance": "Instance",
        "service_version": "Version",
        "vcs_ref_head_revision": "Revision",
        "spanwise_owner": "Owner",
        "spanwise_admin_url": "Admin",
    }
    admin = link_column("Admin", "Open /admin of this instance", "${__value.text}/admin")
    return info_table(
        "instances/table",
        "Instances",
        f"One row for each process that answers scrapes; the last column opens its `/admin`.\n\n"
        f"From `{TARGET_INFO.name}`: {TARGET_INFO.description}",
        promql.info(TARGET_INFO, ONE_SERVICE, tuple(headings)),
        headings,
        overrides=[admin],
    )
