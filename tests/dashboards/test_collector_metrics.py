"""The rows that the Collector board is made of are the ones that the collector declares."""

from __future__ import annotations

from spanwise import metrics
from spanwise_dashboards.boards.collector import collector
from spanwise_dashboards.collector_metrics import COLLECTOR_METRICS


def test_the_rows_are_the_collectors_own() -> None:
    from spanwise_collector import metrics as _  # noqa: F401  # importing it is what declares them

    def said(rows: object) -> list[tuple[object, ...]]:
        return [(row.name, row.kind, row.unit, row.description, row.better, row.labels) for row in rows]  # type: ignore[attr-defined]

    declared = [row for row in metrics.declared() if row.name.startswith("spanwise_collector_")]
    assert said(COLLECTOR_METRICS) == said(declared)


def test_each_of_them_is_on_the_board() -> None:
    shown = {metric.name for panel in collector().panels for query in panel.queries for metric in query.metrics}
    assert {metric.name for metric in COLLECTOR_METRICS} <= shown
