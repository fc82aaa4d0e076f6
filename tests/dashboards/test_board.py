"""A board as a document: laid out, with stable ids, complete."""

from __future__ import annotations

import pytest

from spanwise_dashboards.board import Board, Line, Section, stable_id
from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.measures import REQUEST_RATE
from spanwise_dashboards.panels import stat
from spanwise_dashboards.variables import DATASOURCE, FLEET


def board(*keys: str) -> Board:
    panels = tuple(stat(key, REQUEST_RATE, FLEET) for key in keys)
    return Board("b", "B", "A board.", (DATASOURCE,), (Section("s", "S", (Line(panels),)),))


def test_an_id_comes_from_the_key_alone() -> None:
    assert [panel["id"] for panel in board("one", "two").to_json()["panels"][1:]] == [
        stable_id("one"),
        stable_id("two"),
    ]
    assert 0 < stable_id("anything") < 2**31


def test_two_panels_of_one_key_are_refused() -> None:
    with pytest.raises(ValueError, match="board b: two panels have one id"):
        board("one", "one").to_json()


def test_the_tooltip_is_shared_and_the_board_is_read_only() -> None:
    for one in all_boards():
        document = one.to_json()
        assert document["graphTooltip"] == 1 and document["editable"] is False


def test_each_board_has_the_variables_that_keep_a_comparison_fair() -> None:
    for one in all_boards():
        assert [variable.name for variable in one.variables][:3] == ["datasource", "environment", "service_name"]


def test_each_board_can_look_at_one_version_and_marks_deploys() -> None:
    for one in all_boards():
        assert [variable.name for variable in one.variables][3] == "service_version"
        (deploys,) = (mark for mark in one.to_json()["annotations"]["list"] if mark["name"] == "Deploys")
        assert deploys["enable"] and "unless" in deploys["expr"]


def test_every_board_is_reached_from_every_other() -> None:
    uids = {one.uid for one in all_boards()}
    for one in all_boards():
        reached = {link["url"].removeprefix("/d/") for link in one.to_json()["links"]}
        assert uids - {one.uid} <= reached


def test_one_service_is_chosen_on_its_board_and_any_number_on_the_fleets() -> None:
    fleet, service = (one.to_json()["templating"]["list"][2] for one in all_boards()[:2])
    assert (fleet["multi"], fleet["includeAll"], fleet["allValue"]) == (True, True, ".+")
    assert (service["multi"], service["includeAll"]) == (False, False)


def test_a_repeated_row_is_there_for_each_service() -> None:
    rows = [panel for panel in all_boards()[0].to_json()["panels"] if panel["type"] == "row"]
    assert [row.get("repeat") for row in rows] == [None, None, None, "service_name"]
    assert rows[-1]["title"] == "$service_name"
