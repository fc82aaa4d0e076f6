"""Grafana's own types find what does not belong, and the file they are in is the one that was derived."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest

from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.checks.schema import faults_of_document

Board = dict[str, Any]


def panel(board: Board, kind: str = "timeseries") -> dict[str, Any]:
    return next(one for one in board["panels"] if one["type"] == kind)


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (lambda b: b.update(style="dark"), "/style is not known to Grafana"),
        (lambda b: b.update(title=3), "/title is 3, not string"),
        (lambda b: b.update(graphTooltip=7), "/graphTooltip is 7, not one of"),
        (lambda b: b["time"].update(form="now-1h"), "/time/form is not known"),
        (lambda b: panel(b, "row").update(targets=[]), "/targets is not known"),
        (lambda b: panel(b).update(span=6), "/span is not known"),
        (lambda b: panel(b)["gridPos"].update(w="12"), '/gridPos/w is "12", not number'),
        (lambda b: panel(b)["options"].update(fieldOptions={}), "/options/fieldOptions is not known"),
        (lambda b: panel(b)["options"]["legend"].update(displayMode="circle"), "/legend/displayMode is"),
        (lambda b: panel(b)["fieldConfig"]["defaults"]["custom"].update(lineWidht=2), "/custom/lineWidht is not known"),
        (lambda b: panel(b, "stat")["options"].update(graphMode="bars"), '/options/graphMode is "bars", not one of'),
        (lambda b: panel(b, "table")["options"].update(sortBy="x"), "/options/sortBy is"),
        (lambda b: b["annotations"]["list"][1].update(enabled=True), "/enabled is not known"),
    ],
)
def test_what_grafanas_types_do_not_allow_is_found(plant: Callable[[Board], Any], message: str) -> None:
    board = all_boards()[0].to_json()
    assert faults_of_document(board) == []
    plant(board)
    found = [f"{path} {fault}" for path, fault in faults_of_document(board)]
    assert any(message in text for text in found), found


def test_the_schema_says_what_it_was_derived_from() -> None:
    document = json.loads(files("spanwise_dashboards.checks").joinpath("grafana_schema.json").read_text())
    assert (document["package"], document["version"]) == ("@grafana/schema", "13.2.3")
    assert len(document["sha256"]) == 64
    assert document["dashboard"]["definitions"]["Dashboard"]["additionalProperties"] is False
    text = json.dumps(document, indent=1, sort_keys=True) + "\n"
    assert files("spanwise_dashboards.checks").joinpath("grafana_schema.json").read_text() == text
