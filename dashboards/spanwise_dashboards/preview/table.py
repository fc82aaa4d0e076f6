"""A table panel as HTML: rows by labels, a column for each query, trends as a line before the newest value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import Any

from spanwise_dashboards.preview.data import Line
from spanwise_dashboards.preview.draw import sparkline
from spanwise_dashboards.preview.numbers import shown

Json = dict[str, Any]
Result = list[tuple[Json, list[Line]]]
Row = tuple[tuple[str, ...], dict[str, Line]]


@dataclass(frozen=True, slots=True)
class _Column:
    """`ref_id` is the query; `top` the highest value in the column, where its sparklines end."""

    ref_id: str
    heading: str
    unit: str
    top: float

    def cell(self, line: Line | None) -> str:
        if line is None:
            return '<td class="num">–</td>'
        value = f"<span>{escape(shown(line.last, self.unit))}</span>"
        return f'<td class="num">{sparkline(line, self.top)}{value}</td>'


def table_html(panel: Json, result: Result) -> str:
    """What the panel's `organize` names: labels first, then a column for each `Value #A` or `Trend #A`."""
    if not any(lines for _, lines in result):
        return '<p class="preview-empty">No data</p>'
    renamed, hidden = _organized(panel)
    labels = [name for name in renamed if "#" not in name]
    columns = [] if "Value" in hidden else _columns(panel, result, renamed)
    rows: dict[tuple[str, ...], dict[str, Line]] = {}
    for target, lines in result:
        for line in lines:
            rows.setdefault(tuple(line.labels.get(name, "") for name in labels), {})[target["refId"]] = line
    head = "".join(f"<th>{escape(renamed[name])}</th>" for name in labels)
    head += "".join(f'<th class="num">{escape(column.heading)}</th>' for column in columns)
    body = []
    for key, cells in _ranked(rows, panel, columns):
        texts = "".join(f"<td>{escape(text)}</td>" for text in key)
        numbers = "".join(column.cell(cells.get(column.ref_id)) for column in columns)
        body.append(f"<tr>{texts}{numbers}</tr>")
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    return f'<div class="table-scroll preview-table">{table}</div>'


def _organized(panel: Json) -> tuple[dict[str, str], set[str]]:
    """New names by old, and the hidden names."""
    for transformation in panel.get("transformations", []):
        if transformation["id"] == "organize":
            options = transformation["options"]
            return options.get("renameByName", {}), set(options.get("excludeByName", {}))
    return {}, set()


def _columns(panel: Json, result: Result, renamed: dict[str, str]) -> list[_Column]:
    units = {
        override["matcher"]["options"]: item["value"]
        for override in panel.get("fieldConfig", {}).get("overrides", [])
        for item in override["properties"]
        if item["id"] == "unit"
    }
    columns = []
    for target, lines in result:
        ref_id = target["refId"]
        heading = renamed.get(f"Value #{ref_id}") or renamed.get(f"Trend #{ref_id}")
        if heading:
            top = max((value for line in lines for _, value in line.points), default=0.0)
            columns.append(_Column(ref_id, heading, units.get(heading, "short"), top))
    return columns


def _ranked(rows: dict[tuple[str, ...], dict[str, Line]], panel: Json, columns: list[_Column]) -> list[Row]:
    ordered = sorted(rows.items())
    for sort in panel.get("options", {}).get("sortBy", []):
        for column in columns:
            if column.heading == sort["displayName"]:
                return sorted(ordered, key=lambda row: _newest(row, column), reverse=bool(sort["desc"]))
    return ordered


def _newest(row: Row, column: _Column) -> float:
    line = row[1].get(column.ref_id)
    return line.last if line is not None and not math.isnan(line.last) else -math.inf
