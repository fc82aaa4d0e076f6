"""The document itself: schema, uid, ids, the grid."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from spanwise_dashboards.checks.finding import Finding, Json, on_board, on_panel, panels_of
from spanwise_dashboards.layout import COLUMNS, Position
from spanwise_dashboards.modernize import SCHEMA_VERSION

_UID = re.compile(r"[A-Za-z0-9_-]{1,40}")  # Grafana's own limit


def schema_is_current(board: Json) -> Iterator[Finding]:
    if board.get("schemaVersion") != SCHEMA_VERSION:
        yield on_board(board, f"schemaVersion is {board.get('schemaVersion')}, not {SCHEMA_VERSION}")
    if board.get("editable") is not False:
        yield on_board(board, "is editable, although what is edited is lost at the next generation")


def uid_is_usable(board: Json) -> Iterator[Finding]:
    uid = board.get("uid") or ""
    if not _UID.fullmatch(uid):
        yield on_board(board, f"uid {uid!r} is not 1 to 40 letters, digits, - and _")


def ids_are_unique(board: Json) -> Iterator[Finding]:
    every = [*board.get("panels", []), *(panel for row in board.get("panels", []) for panel in row.get("panels", []))]
    for number, times in Counter(panel.get("id") for panel in every).items():
        if not isinstance(number, int) or number < 1:
            yield on_board(board, f"a panel's id is {number!r}, not a number above 0")
        elif times > 1:
            yield on_board(board, f"{times} panels have the id {number}")


def panels_fit_the_grid(board: Json) -> Iterator[Finding]:
    for panel in board.get("panels", []):
        place = panel.get("gridPos")
        if place is None:
            yield on_panel(board, panel, "has no gridPos")
        elif min(place["x"], place["y"]) < 0 or place["w"] < 1 or place["h"] < 1 or place["x"] + place["w"] > COLUMNS:
            yield on_panel(board, panel, f"does not fit the {COLUMNS} columns: {place}")


def panels_do_not_overlap(board: Json) -> Iterator[Finding]:
    placed = [(panel, Position(**panel["gridPos"])) for panel in board.get("panels", []) if panel.get("gridPos")]
    for (one, here), (other, there) in combinations(placed, 2):
        if here.overlaps(there):
            yield on_panel(board, one, f"overlaps {other.get('title')!r}")
    for row in (panel for panel in board.get("panels", []) if panel.get("panels")):
        yield from panels_do_not_overlap({"title": row.get("title"), "panels": list(panels_of(row))})
