"""Compare: any two of service, version, instance and time, left and right on the same axes, and their difference.

Two services: choose another on the right. Before and after: the same service, two versions or a time shift. A canary:
the same service, two instances.
"""

from __future__ import annotations

from dataclasses import replace

from spanwise_dashboards import links, promql
from spanwise_dashboards.board import Board, Line, Panel, Section
from spanwise_dashboards.measures import (
    CPU,
    ERROR_RATIO,
    IN_FLIGHT,
    LATENCY_P50,
    LATENCY_P99,
    MEMORY,
    REQUEST_RATE,
    Measure,
)
from spanwise_dashboards.panel_kinds import text
from spanwise_dashboards.panels import Series, time_series
from spanwise_dashboards.promql import Expr, Scope
from spanwise_dashboards.variables import (
    DATASOURCE,
    ENVIRONMENT,
    INSTANCE,
    LEFT,
    OTHER_INSTANCE,
    OTHER_SERVICE_NAME,
    OTHER_SERVICE_VERSION,
    RIGHT,
    SERVICE_NAME,
    SERVICE_VERSION,
    SHIFT,
)

_MEASURES = (REQUEST_RATE, ERROR_RATIO, LATENCY_P50, LATENCY_P99, IN_FLIGHT, CPU, MEMORY)
_HOW = (
    "**Left** is `$service_name`, **right** is `$other_service_name` as it was `$shift` ago. Both have the same "
    "axis; the "
    "third column is right minus left, so a line above zero says that the right side has more."
)


def compare() -> Board:
    """What differs between two of a kind."""
    return Board(
        uid=links.COMPARE_UID,
        title="Compare",
        description="Two services, versions, instances or times: left, right, difference, on equal axes.",
        variables=(
            DATASOURCE,
            ENVIRONMENT,
            SERVICE_NAME,
            SERVICE_VERSION,
            INSTANCE,
            OTHER_SERVICE_NAME,
            OTHER_SERVICE_VERSION,
            OTHER_INSTANCE,
            SHIFT,
        ),
        sections=(
            Section("how", "How to read", (Line((text("how", "Left, right, difference", _HOW),), 3),)),
            *(Section(measure.key, measure.title, (Line(_row(measure), 7),)) for measure in _MEASURES),
        ),
        links=links.to_boards(links.COMPARE_UID),
    )


def _row(measure: Measure) -> tuple[Panel, ...]:
    left, right = measure.expr(LEFT, ()), measure.expr(RIGHT, ())
    common = promql.highest_of_both(left, right, at_least=measure.soft_max)
    sides = tuple(
        time_series(
            f"{measure.key}/{side}",
            [Series(measure, scope, legend=side)],
            title=f"{measure.title}: {side}",
            common_maximum=common,
        )
        for side, scope in (("left", LEFT), ("right", RIGHT))
    )
    return (*sides, time_series(f"{measure.key}/difference", [Series(_difference(measure), LEFT)]))


def _difference(measure: Measure) -> Measure:
    def expr(scope: Scope, by: tuple[str, ...]) -> Expr:
        return promql.difference(measure.expr(scope, by), measure.expr(RIGHT, by))

    return replace(
        measure,
        key=f"{measure.key}_difference",
        title=f"{measure.title}: right minus left",
        what=f"Right minus left of: {measure.what}",
        expr=expr,
        minimum=None,
        maximum=None,
        soft_max=None,
        thresholds=None,
    )
