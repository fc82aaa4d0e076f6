"""Each check catches a fault of its kind, planted in a board that is otherwise ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.checks import check_boards, check_expression
from spanwise_dashboards.checks.round_trip import nothing_is_lost

Board = dict[str, Any]


def fleet() -> Board:
    return next(board.to_json() for board in all_boards() if board.uid == "spanwise-fleet")


def panel(board: Board, kind: str = "timeseries") -> dict[str, Any]:
    return next(one for one in board["panels"] if one["type"] == kind)


def in_row(board: Board) -> dict[str, Any]:
    return next(one for one in board["panels"] if one.get("transformations") and one["type"] == "timeseries")


def target(board: Board) -> dict[str, Any]:
    first: dict[str, Any] = panel(board)["targets"][0]
    return first


def set_expr(expr: str) -> Callable[[Board], None]:
    return lambda board: target(board).update(expr=expr)


ENV = 'deployment_environment_name=~"$environment"'
BUCKETS = f"rate(http_server_request_duration_seconds_bucket{{{ENV}}}[$__rate_interval])"
COUNT = f"rate(http_server_request_duration_seconds_count{{{ENV}}}[$__rate_interval])"

FAULTS: dict[str, tuple[Callable[[Board], Any], str]] = {
    "old schema": (lambda b: b.update(schemaVersion=12), "schemaVersion is 12"),
    "editable": (lambda b: b.update(editable=True), "is editable"),
    "long uid": (lambda b: b.update(uid="x" * 41), "is not 1 to 40"),
    "uid with a slash": (lambda b: b.update(uid="a/b"), "is not 1 to 40"),
    "no id": (lambda b: panel(b).pop("id"), "not a number above 0"),
    "same id": (lambda b: panel(b).update(id=panel(b, "stat")["id"]), "2 panels have the id"),
    "no place": (lambda b: panel(b).pop("gridPos"), "has no gridPos"),
    "too wide": (lambda b: panel(b)["gridPos"].update(w=25), "does not fit"),
    "overlap": (lambda b: panel(b)["gridPos"].update(panel(b, "stat")["gridPos"]), "overlaps"),
    "no title": (lambda b: panel(b).update(title=""), "has no title"),
    "no description": (lambda b: panel(b).pop("description"), "has no description"),
    "no unit": (lambda b: panel(b)["fieldConfig"]["defaults"].pop("unit"), "has no unit"),
    "fixed data source": (lambda b: target(b)["datasource"].update(uid="prod"), "not the variable"),
    "no queries": (lambda b: panel(b).update(targets=[]), "has no queries"),
    "same refId": (lambda b: panel(b)["targets"].append(dict(target(b))), "2 queries have the refId 'A'"),
    "thresholds descend": (
        lambda b: panel(b, "stat")["fieldConfig"]["defaults"]["thresholds"].update(
            steps=[{"color": "a", "value": None}, {"color": "b", "value": 2}, {"color": "c", "value": 1}]
        ),
        "the others ascend",
    ),
    "no base threshold": (
        lambda b: panel(b, "stat")["fieldConfig"]["defaults"]["thresholds"]["steps"][0].update(value="null"),
        "the first must be null",
    ),
    "maximum of one service": (
        lambda b: in_row(b)["targets"][-1].update(expr=in_row(b)["targets"][0]["expr"]),
        "depends on the repeated variable service_name",
    ),
    "maximum not asked": (lambda b: in_row(b)["targets"][-1].update(hide=True), "which is not asked"),
    "unknown variable": (set_expr(COUNT.replace(ENV, f'{ENV}, service_version="$nobody"')), "names $nobody"),
    "no PromQL": (set_expr("sum("), "does not parse"),
    "unknown metric": (set_expr(f"sum(http_requests{{{ENV}}})"), "the standard has no metric http_requests"),
    "unknown label": (set_expr(f"sum by (route) ({COUNT})"), "has no label route"),
    "unknown label in a matcher": (set_expr(COUNT.replace("{", '{code="500", ')), "has no label code"),
    "le of no bucket": (set_expr(f"sum by (le) ({COUNT})"), "has no label le"),
    "counter without rate": (
        set_expr(f"sum(http_server_request_duration_seconds_count{{{ENV}}})"),
        "only grows",
    ),
    "rate of a gauge": (set_expr(f"rate(python_threads{{{ENV}}}[$__rate_interval])"), "is a gauge"),
    "le dropped": (set_expr(f"histogram_quantile(0.9, sum({BUCKETS}))"), "needs the label le"),
    "le dropped by without": (set_expr(f"histogram_quantile(0.9, sum without (le) ({BUCKETS}))"), "needs the label le"),
    "quantile of a count": (set_expr(f"histogram_quantile(0.9, {COUNT})"), "needs buckets"),
    "average of quantiles": (
        set_expr(f"avg(histogram_quantile(0.9, sum by (le, service_name) ({BUCKETS})))"),
        "avg of quantiles",
    ),
    "fixed window": (set_expr(COUNT.replace("$__rate_interval", "5m")), "has a fixed window"),
    "all environments": (set_expr(COUNT.replace(ENV, "")), "mixes environments"),
    "variable asks an unknown metric": (
        lambda b: b["templating"]["list"][1].update(query="label_values(build_info, service_version)"),
        "variable environment: the standard has no metric build_info",
    ),
    "no data source variable": (lambda b: b["templating"]["list"].pop(0), "has no variable datasource"),
    "variable asked once": (lambda b: b["templating"]["list"][1].update(refresh=1), "keeps its values when the time"),
    "all values one by one": (lambda b: b["templating"]["list"][1].pop("allValue"), "sends all its values one by one"),
    "another unit elsewhere": (
        lambda b: panel(b)["fieldConfig"]["defaults"].update(unit="none"),
        "unit none, min 0.0, thresholds [None]; Fleet / Requests has unit reqps",
    ),
    "link to nowhere": (lambda b: b["links"][0].update(url="/d/spanwise-gone"), "which is not generated"),
    "link without a scheme": (lambda b: b["links"][0].update(url="example.org"), "neither a board's nor"),
    "link with an unknown variable": (
        lambda b: panel(b)["fieldConfig"]["defaults"]["links"][0].update(url="/d/spanwise-service?var-x=$nobody"),
        "names $nobody, which this board does not have",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name: str) -> None:
    plant, message = FAULTS[name]
    documents = [fleet(), *(board.to_json() for board in all_boards() if board.uid != "spanwise-fleet")]
    assert check_boards(documents) == []
    plant(documents[0])
    found = [str(finding) for finding in check_boards(documents)]
    assert any(message in text for text in found), found


def test_a_finding_says_where() -> None:
    board = fleet()
    panel(board).pop("description")
    (finding,) = check_boards([board, *(one.to_json() for one in all_boards()[1:])])
    assert str(finding) == f"Fleet / {panel(board)['title']}: has no description"


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (lambda b: b.update(style="dark"), "does not know /style"),
        (lambda b: panel(b).update(span=6), "/span"),
        (lambda b: panel(b)["options"].update(fieldOptions={"calcs": ["mean"]}), "/fieldOptions/calcs"),
        (lambda b: target(b).update(intervalFactr=2), "/intervalFactr"),
        (lambda b: panel(b).update(datasource=None), "cannot read it"),
        (lambda b: panel(b).update(options=[]), "/options = [] as"),
    ],
)
def test_what_grafanas_model_does_not_know_is_found(plant: Callable[[Board], Any], message: str) -> None:
    pytest.importorskip("grafana_foundation_sdk", reason="needs Python 3.11")
    board = fleet()
    plant(board)
    found = [str(finding) for finding in nothing_is_lost(board)]
    assert any(message in text for text in found), found


def test_an_expression_of_a_rule_is_checked_too() -> None:
    assert check_expression("sum by (service_name) (rate(process_cpu_seconds_total[5m]))") == []
    assert check_expression("process_cpu_seconds_total") == [
        "process_cpu_seconds_total only grows: use it inside rate() or increase()"
    ]
