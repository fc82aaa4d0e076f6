"""SLO: every objective of every service, what is left of its budget, and how fast that burns."""

from __future__ import annotations

from dataclasses import replace

from spanwise_dashboards import links
from spanwise_dashboards.board import Board, Line, Panel, Section
from spanwise_dashboards.measures import (
    SLO_BURN_1H,
    SLO_BURN_3D,
    SLO_BURN_6H,
    SLO_EVENTS,
    SLO_OBJECTIVE,
    SLO_REMAINING,
    Measure,
)
from spanwise_dashboards.panel_kinds import alert_list, state_timeline
from spanwise_dashboards.panels import Series, time_series, value_table
from spanwise_dashboards.promql import Scope
from spanwise_dashboards.variables import (
    DATASOURCE,
    ENVIRONMENT,
    RECORDED,
    SELECTED,
    SERVICE_NAMES,
    SERVICE_VERSIONS,
)

_SLO = {"service_name": "Service", "slo": "SLO"}
_BY = tuple(_SLO)


def slos() -> Board:
    """Error budgets side by side; recorded series have no version, the events have."""
    return Board(
        uid=links.SLO_UID,
        title="SLO",
        description="Every objective of every service: budget left, how fast it burns, the events behind it.",
        variables=(DATASOURCE, ENVIRONMENT, SERVICE_NAMES, SERVICE_VERSIONS),
        sections=(
            Section("now", "Now", (Line((_table(), _alerts()), 9),)),
            Section("budget", "Budget", (Line((_chart(SLO_REMAINING, RECORDED), _timeline()), 8),)),
            Section(
                "burn",
                "Burn rate",
                (Line(tuple(_chart(m, RECORDED) for m in (SLO_BURN_1H, SLO_BURN_6H, SLO_BURN_3D))),),
            ),
            Section("events", "Events", (Line((_events(),), 8),)),
        ),
        links=links.to_boards(links.SLO_UID),
    )


def _table() -> Panel:
    # Their worst first: what has least left.
    columns = (SLO_REMAINING, SLO_OBJECTIVE, SLO_BURN_1H, SLO_BURN_6H, SLO_BURN_3D)
    intro = "One row for each objective, the one with least of its budget left first."
    return replace(value_table("now/slos", "Objectives", intro, _SLO, columns, RECORDED, descending=False), share=3)


def _alerts() -> Panel:
    return alert_list(
        "now/alerts",
        "Firing",
        "Alerts of the generated rules that are firing or pending.",
        '{alertname=~"Spanwise.+"}',
    )


def _timeline() -> Panel:
    return state_timeline("budget/burning", "Burn rate over 1 h", SLO_BURN_1H, RECORDED, _BY)


def _chart(measure: Measure, scope: Scope) -> Panel:
    return time_series(f"{measure.key}/all", [Series(measure, scope, _BY)])


def _events() -> Panel:
    return time_series("events/all", [Series(SLO_EVENTS, SELECTED, (*_BY, "outcome"))], title="Events by outcome")
