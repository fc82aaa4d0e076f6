"""The kinds of panel, as Grafana reads them."""

from __future__ import annotations

from typing import Any

import pytest

from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.measures import ERROR_RATIO, LATENCY_P50, LATENCY_P99, REQUEST_RATE
from spanwise_dashboards.panels import Series, time_series
from spanwise_dashboards.variables import FLEET


def drawn(uid: str, key: str) -> dict[str, Any]:
    (board,) = (board for board in all_boards() if board.uid == uid)
    (panel,) = (panel for panel in board.panels if panel.key == key)
    (found,) = (one for one in board.to_json()["panels"] if one["id"] == panel.id)
    document: dict[str, Any] = found
    return document


def test_the_axis_of_a_repeated_panel_ends_at_the_common_maximum() -> None:
    panel = drawn("spanwise-fleet", "service/latency")
    (transformation,) = panel["transformations"]
    assert transformation["id"] == "configFromData"
    (mapping,) = transformation["options"]["mappings"]
    assert (mapping["handlerKey"], mapping["reducerId"]) == ("max", "max")
    (source,) = (one for one in panel["targets"] if one["refId"] == transformation["options"]["configRefId"])
    assert source["legendFormat"] == mapping["fieldName"]
    assert panel["fieldConfig"]["defaults"]["min"] == 0


def test_exemplars_are_asked_for_where_there_is_latency() -> None:
    for uid, key in (("spanwise-service", "requests/latency"), ("spanwise-fleet", "service/latency")):
        exemplars = [target["exemplar"] for target in drawn(uid, key)["targets"]]
        assert exemplars.count(True) == 1, "one query is enough: the exemplars of all are the same"
    assert drawn("spanwise-service", "requests/heatmap")["targets"][0]["exemplar"] is True


def test_a_heatmap_shows_buckets_as_they_are() -> None:
    panel = drawn("spanwise-service", "requests/heatmap")
    assert panel["options"]["calculate"] is False
    assert panel["targets"][0]["format"] == "heatmap"
    assert panel["options"]["yAxis"]["unit"] == "s"


def test_the_ranked_table_joins_one_trend_for_each_column() -> None:
    panel = drawn("spanwise-fleet", "ranked/services")
    trends, join, organize = panel["transformations"]
    assert list(trends["options"]) == [target["refId"] for target in panel["targets"]]
    assert join["options"] == {"byField": "service_name", "mode": "outer"}
    headings = organize["options"]["renameByName"]
    styled = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
    assert set(headings.values()) == styled
    assert panel["options"]["sortBy"] == [{"displayName": headings["Trend #A"], "desc": True}]
    (name,) = (one for one in panel["fieldConfig"]["overrides"] if one["matcher"]["options"] == "Service")
    assert name["properties"][0]["value"][0]["url"].startswith("/d/spanwise-service?")


def test_the_routes_table_names_every_column() -> None:
    panel = drawn("spanwise-service", "routes/table")
    merge, organize = panel["transformations"]
    assert merge["id"] == "merge"
    assert all(target["instant"] and target["format"] == "table" for target in panel["targets"])
    renamed = organize["options"]["renameByName"]
    assert {f"Value #{target['refId']}" for target in panel["targets"]} <= set(renamed)
    assert {"http_route", "http_request_method"} <= set(renamed)


def test_an_instance_leads_to_its_admin() -> None:
    panel = drawn("spanwise-service", "instances/table")
    (admin,) = panel["fieldConfig"]["overrides"]
    assert admin["matcher"]["options"] == "Admin"
    assert admin["properties"][0]["value"][0]["url"] == "${__value.text}/admin"


def test_status_classes_have_their_colours() -> None:
    overrides = drawn("spanwise-service", "requests/rate")["fieldConfig"]["overrides"]
    colors = {one["matcher"]["options"]: one["properties"][0]["value"]["fixedColor"] for one in overrides}
    assert colors["/^5/"] == "red" and colors["/^4/"] == "orange"


def test_series_of_two_units_do_not_share_an_axis() -> None:
    with pytest.raises(ValueError, match="panel x: its series have different units"):
        time_series("x", [Series(REQUEST_RATE, FLEET), Series(LATENCY_P99, FLEET)])


def test_a_small_ratio_does_not_fill_the_panel() -> None:
    panel = time_series("x", [Series(ERROR_RATIO, FLEET)])
    assert panel.element.axisSoftMax == ERROR_RATIO.soft_max


def test_the_descriptions_of_all_series_are_there() -> None:
    panel = time_series("x", [Series(LATENCY_P50, FLEET), Series(LATENCY_P99, FLEET)])
    assert "50 %" in panel.description and "99 %" in panel.description


def test_a_list_of_traces_asks_the_trace_source_that_is_chosen() -> None:
    """The pass over the board leaves a query to another data source alone, though its keys are called like old ones."""
    document = next(board.to_json() for board in all_boards() if board.uid == "spanwise-service")
    (panel,) = (one for one in document["panels"] if one["title"] == "Newest traces")
    (target,) = panel["targets"]
    assert target["query"] == '{resource.service.name="$service_name"}' and target["queryType"] == "traceql"
    assert "expr" not in target and "range" not in target
    assert panel["datasource"]["uid"] == target["datasource"]["uid"] == "${traces}"
    (variable,) = (one for one in document["templating"]["list"] if one["name"] == "traces")
    assert (variable["type"], variable["query"]) == ("datasource", "tempo")
