"""Variables: the data source is chosen by one, values are asked for again, and "all" is what the queries can take."""

from __future__ import annotations

from collections.abc import Iterator

from spanwise_dashboards.checks.finding import Finding, Json, on_board
from spanwise_dashboards.variables import ALL, DATASOURCE

_ON_TIME_RANGE_CHANGE = 2


def _variables(board: Json) -> list[Json]:
    return list(board.get("templating", {}).get("list", []))


def datasource_is_chosen(board: Json) -> Iterator[Finding]:
    chosen = [one for one in _variables(board) if one.get("type") == "datasource"]
    if not any(one.get("name") == DATASOURCE.name and one.get("query") == DATASOURCE.query for one in chosen):
        yield on_board(board, f"has no variable {DATASOURCE.name} for data sources of the kind {DATASOURCE.query}")


def values_follow_the_time_range(board: Json) -> Iterator[Finding]:
    """Otherwise a service that is gone stays in the list, and one that was there last week is not."""
    for one in _variables(board):
        if one.get("type") == "query" and one.get("refresh") != _ON_TIME_RANGE_CHANGE:
            yield on_board(
                board, f"variable {one.get('name')} keeps its values when the time range changes: set refresh 2"
            )


def all_is_a_pattern(board: Json) -> Iterator[Finding]:
    """Without `allValue` Grafana sends an alternative of all values, which grows with the fleet."""
    for one in _variables(board):
        if one.get("includeAll") and one.get("allValue") != ALL:
            yield on_board(board, f"variable {one.get('name')} sends all its values one by one: set allValue {ALL!r}")
