"""Every query of every board on a real Prometheus: data for the services that must have it, and for no others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spanwise.standard import METRICS, Kind, Metric, Role, ServiceKind
from spanwise_dashboards.board import Query
from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.boards.own import own_metrics
from spanwise_dashboards.boards.service import service
from spanwise_dashboards.checks import check_boards
from spanwise_dashboards.checks.round_trip import nothing_is_lost
from spanwise_dashboards.variables import fill_variables, variables_in

QUERIES = [
    pytest.param(query, id=f"{board.uid}:{panel.key}:{query.ref_id}")
    for board in all_boards()
    for panel in board.panels
    for query in panel.queries
]


def run(prometheus: Any, query: Query, **values: str) -> list[dict[str, Any]]:
    expr = fill_variables(query.expr, **values)
    series: list[dict[str, Any]] = prometheus.query(expr) if query.instant else prometheus.query_range(expr)
    return series


def has_data(prometheus: Any, query: Query) -> set[str]:
    """The services that the query has data for; of a query about the whole fleet, all of them or none."""
    if "service_name" in query.labels:
        return {series["metric"]["service_name"] for series in run(prometheus, query)}
    if "service_name" in variables_in(query.expr):
        both = {name: {"service_name": name, "other_service_name": name} for name in prometheus.kinds}
        return {name for name, sides in both.items() if run(prometheus, query, **sides)}
    return set(prometheus.kinds) if run(prometheus, query) else set()


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_has_data_for_the_services_of_its_kind_alone(prometheus: Any, query: Query) -> None:
    expected = {name for name, has in prometheus.kinds.items() if query.needs in has}
    if "service_name" not in query.labels and "service_name" not in variables_in(query.expr):
        expected = set(prometheus.kinds)
    assert has_data(prometheus, query) == expected


def test_the_services_differ_in_kind_so_that_the_test_above_can_fail(prometheus: Any) -> None:
    asked = {query.values[0].needs for query in QUERIES}
    assert {ServiceKind.EVERY, ServiceKind.HTTP_SERVER, ServiceKind.HTTP_CLIENT, ServiceKind.LINUX} <= asked
    for kind in asked - {ServiceKind.EVERY}:
        assert 0 < sum(kind in has for has in prometheus.kinds.values()) < len(prometheus.kinds)


def test_a_query_keeps_the_labels_it_says(prometheus: Any) -> None:
    for query in (param.values[0] for param in QUERIES):
        for series in run(prometheus, query, service_name="gateway"):
            # Prometheus leaves out labels that are empty, such as the route of requests that matched none.
            assert set(series["metric"]) - {"__name__"} <= set(query.labels), query.expr


def test_a_service_without_errors_shows_zero(prometheus: Any) -> None:
    errors = find("spanwise-service", "now/error_ratio")
    (healthy,) = run(prometheus, errors, service_name="catalog")
    (failing,) = run(prometheus, errors, service_name="gateway")
    assert {float(value) for _, value in healthy["values"]} == {0.0}
    assert float(failing["values"][-1][1]) == pytest.approx(0.5)


def test_a_client_fails_where_its_calls_have_an_error_type(prometheus: Any) -> None:
    failed = find("spanwise-service", "dependencies/client_error_ratio")
    (healthy,) = run(prometheus, failed, service_name="gateway")
    (failing,) = run(prometheus, failed, service_name="worker")
    assert {float(value) for _, value in healthy["values"]} == {0.0}
    assert float(failing["values"][-1][1]) == pytest.approx(0.5)


def test_a_version_filter_leaves_other_versions_out(prometheus: Any) -> None:
    rate = find("spanwise-service", "now/request_rate")
    assert run(prometheus, rate, service_name="gateway", service_version="1.0")
    assert not run(prometheus, rate, service_name="gateway", service_version="2.0")


def test_several_values_of_a_variable_are_an_alternative(prometheus: Any) -> None:
    overlay = find("spanwise-fleet", "overlay/request_rate")
    expr = fill_variables(overlay.expr, service_name=["catalog", "no.such"])
    assert [series["metric"] for series in prometheus.query_range(expr)] == [{"service_name": "catalog"}]


def test_each_panel_of_the_repeated_row_has_the_axis_of_the_fleet(prometheus: Any) -> None:
    """The common maximum is at least what any service reaches, and the same whichever service the row is for."""
    for panel in panels("spanwise-fleet", "service/"):
        lines, (common,) = panel.queries[:-1], panel.queries[-1:]
        (maximum,) = run(prometheus, common)
        highest = max(float(value) for _, value in maximum["values"])
        for name in ("gateway", "catalog"):
            reached = [
                float(value)
                for query in lines
                for series in run(prometheus, query, service_name=name)
                for _, value in series["values"]
                if value != "NaN"
            ]
            assert reached and max(reached) <= highest * (1 + 1e-9)
        assert "service_name" not in variables_in(common.expr)


def test_the_boards_have_no_findings() -> None:
    documents = [board.to_json() for board in all_boards()]
    assert [str(finding) for finding in check_boards(documents)] == []


OWN = own_metrics(
    "orders",
    tuple(
        Metric(f"own_{kind.value}", kind, "{thing}", "A thing.", Role.RATE, ServiceKind.EVERY, labels=("region",))
        for kind in Kind
    ),
)


@pytest.mark.parametrize("board", [*all_boards(), OWN], ids=lambda board: board.uid)
def test_grafanas_own_model_loses_nothing(board: Any) -> None:
    pytest.importorskip("grafana_foundation_sdk", reason="needs Python 3.11")
    assert [str(finding) for finding in nothing_is_lost(board.to_json())] == []


ADDED_TO_THE_TABLE = """
import importlib.util, json, sys
from spanwise import standard

added = standard.Metric(
    "python_widgets_ratio", standard.Kind.GAUGE, "1", "Widgets in use.", standard.Role.SATURATION,
    standard.ServiceKind.EVERY, standard.Better.HIGHER, domain=(0.0, 1.0),
)
standard.METRICS += (added,)
standard.BY_NAME[added.name] = standard.BY_SERIES[added.name] = added

from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.checks import check_boards

spec = importlib.util.spec_from_file_location("generate", sys.argv[1])
docs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(docs)
boards = [board.to_json() for board in all_boards()]
panels = [panel for board in boards for panel in board["panels"] if "python_widgets_ratio" in json.dumps(panel)]
lines = [line for line in docs.metrics_page().splitlines() if "python_widgets_ratio" in line]
print(json.dumps({"panels": panels, "lines": lines, "findings": [str(one) for one in check_boards(boards)]}))
"""


def test_a_metric_added_to_the_standard_gets_panel_axis_and_line_in_the_docs_without_another_edit() -> None:
    """In a process of its own, whose only difference is one more row in the table."""
    page = Path(__file__).parents[2] / "docs/generate.py"
    done = subprocess.run(
        [sys.executable, "-c", ADDED_TO_THE_TABLE, str(page)], capture_output=True, text=True, check=True, timeout=120
    )
    found = json.loads(done.stdout)
    (panel,) = found["panels"]
    assert panel["title"] == "Widgets ratio"
    defaults = panel["fieldConfig"]["defaults"]
    assert (defaults["unit"], defaults["min"], defaults["max"]) == ("percentunit", 0.0, 1.0)
    assert "Widgets in use." in panel["description"] and "Higher is better." in panel["description"]
    assert "sum by (instance) (python_widgets_ratio{" in panel["targets"][0]["expr"]
    assert found["lines"] == ["| `python_widgets_ratio` | gauge | `1` |  | higher | every | Widgets in use. |"]
    assert found["findings"] == []


def test_every_measurement_of_the_standard_is_on_the_service_board() -> None:
    shown = {metric.name for panel in panels("spanwise-service") for query in panel.queries for metric in query.metrics}
    measured = {
        metric.name for metric in METRICS if metric.role is not Role.IDENTITY and metric.had_by is not ServiceKind.SLO
    }
    assert measured - shown == set()


def test_ids_do_not_move_when_a_panel_is_added() -> None:
    added = Metric("aaa_total", Kind.COUNTER, "{a}", "First.", Role.RATE, ServiceKind.EVERY)
    before = ids(service("http://c", METRICS).to_json())
    after = ids(service("http://c", (added, *METRICS)).to_json())
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1


def ids(document: dict[str, Any]) -> dict[tuple[str, str], int]:
    named: dict[tuple[str, str], int] = {}
    for panel in document["panels"]:
        expr = panel["targets"][0].get("expr", "") if panel.get("targets") else ""
        named[panel["title"], expr] = panel["id"]
    return named


def panels(uid: str, prefix: str = "") -> list[Any]:
    (board,) = (board for board in all_boards() if board.uid == uid)
    found = [panel for panel in board.panels if panel.key.startswith(prefix)]
    assert found
    return found


def find(uid: str, key: str) -> Query:
    (panel,) = panels(uid, key)
    query: Query = panel.queries[0]
    return query
