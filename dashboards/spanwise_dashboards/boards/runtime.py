"""Runtime: what the processes of every service use, and which of them are there."""

from __future__ import annotations

from spanwise.standard import PYTHON_INFO, PYTHON_THREADS, SPAN_QUEUE_SIZE
from spanwise_dashboards import links, promql
from spanwise_dashboards.board import Board, Line, Panel, Section
from spanwise_dashboards.measures import (
    ALIVE,
    CPU,
    GC_PAUSE,
    MEMORY,
    OPEN_FILES,
    SPANS_DROPPED,
    UPTIME,
    Measure,
    default_measure,
)
from spanwise_dashboards.panel_kinds import bar_gauge, state_timeline
from spanwise_dashboards.panels import Series, info_table, time_series
from spanwise_dashboards.variables import DATASOURCE, ENVIRONMENT, FLEET, SELECTED, SERVICE_NAMES, SERVICE_VERSIONS

_THREADS = default_measure(PYTHON_THREADS)
_QUEUE = default_measure(SPAN_QUEUE_SIZE)
_BY_INSTANCE = ("service_name", "instance")
_VERSIONS = {"service_name": "Service", "instance": "Instance", "implementation": "Python", "version": "Version"}


def runtime() -> Board:
    """Processes side by side."""
    return Board(
        uid=links.RUNTIME_UID,
        title="Runtime",
        description="Processes side by side: CPU, memory, threads, garbage collection, telemetry's own cost.",
        variables=(DATASOURCE, ENVIRONMENT, SERVICE_NAMES, SERVICE_VERSIONS),
        sections=(
            Section("now", "Now", (Line(_now(), 8),)),
            Section(
                "overlay",
                "All in one",
                (
                    Line(tuple(map(_overlay, (CPU, MEMORY, _THREADS))), 8),
                    Line(tuple(map(_overlay, (GC_PAUSE, UPTIME, _QUEUE))), 8),
                    Line((_overlay(SPANS_DROPPED),), 6),
                ),
            ),
            Section("service", "$service_name", (Line(tuple(map(_row, (CPU, MEMORY, _THREADS))), 7),), "service_name"),
            Section("python", "Python", (Line((_python(),), 8),)),
        ),
        links=links.to_boards(links.RUNTIME_UID),
    )


def _now() -> tuple[Panel, ...]:
    return (
        state_timeline("now/alive", "Instances over time", ALIVE, SELECTED, ("service_name",)),
        bar_gauge("now/files", OPEN_FILES, SELECTED, ("service_name",)),
    )


def _overlay(measure: Measure) -> Panel:
    return time_series(f"overlay/{measure.key}", [Series(measure, SELECTED, _BY_INSTANCE)])


def _row(measure: Measure) -> Panel:
    common = promql.highest(measure.expr(FLEET, _BY_INSTANCE))
    return time_series(f"service/{measure.key}", [Series(measure, SELECTED, ("instance",))], common_maximum=common)


def _python() -> Panel:
    return info_table(
        "python/versions",
        "Python",
        f"Which Python runs each process.\n\nFrom `{PYTHON_INFO.name}`: {PYTHON_INFO.description}",
        promql.info(PYTHON_INFO, SELECTED, tuple(_VERSIONS)),
        _VERSIONS,
    )
