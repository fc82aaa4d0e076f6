"""What a board's queries return: its variables' values, its repeated rows, and series with names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from spanwise_dashboards.prometheus import Prometheus
from spanwise_dashboards.variables import ALL, fill_variables

Json = dict[str, Any]
Values = dict[str, str | Sequence[str]]
_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.*), (?P<label>\w+)\)")
_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_POINTS = 120


@dataclass(frozen=True, slots=True)
class Window:
    """The time range of a preview, in seconds since 1970."""

    start: float
    end: float

    @property
    def step_s(self) -> float:
        return max(1.0, round((self.end - self.start) / _POINTS))


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its name, its labels and its points (time, value), NaN left out."""

    name: str
    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float:
        return self.points[-1][1] if self.points else math.nan


class Answers:
    """The queries of one board, asked once each."""

    def __init__(self, board: Json, prometheus: Prometheus, window: Window, chosen: dict[str, str]) -> None:
        self.window = window
        self._prometheus = prometheus
        self._asked: dict[tuple[str, bool], list[Json]] = {}
        self._options: dict[str, list[str]] = {}
        self.values: Values = {
            "rate_interval": f"{max(30, round(4 * window.step_s))}s",
            "interval": f"{window.step_s:g}s",
            "range": f"{window.end - window.start:g}s",
        }
        for variable in board.get("templating", {}).get("list", []):
            self._choose(variable, chosen)

    def _choose(self, variable: Json, chosen: dict[str, str]) -> None:
        name, query = variable["name"], str(variable.get("query", ""))
        match = _LABEL_VALUES.fullmatch(query)
        if match:
            filled = fill_variables(match["selector"], **self.values)
            self._options[name] = self._prometheus.label_values(match["label"], filled)
        elif variable.get("type") == "custom":
            self._options[name] = query.split(",")
        else:
            return
        options = self._options[name]
        if variable.get("includeAll"):
            self.values[name] = ALL
        elif chosen.get(name) in options:  # on another board the variable may stand for something else
            self.values[name] = chosen[name]
        elif options:
            # The other side of a comparison is another one where there is one.
            self.values[name] = options[min(1, len(options) - 1)] if name.startswith("other_") else options[0]

    def options(self, variable: str) -> list[str]:
        """What a row is repeated over."""
        return self._options.get(variable, [])

    def lines(self, target: Json, values: Values) -> list[Line]:
        """The series of one query, over time or, of an instant one, at the end."""
        expr = fill_variables(target["expr"], **{**self.values, **values})
        instant = bool(target.get("instant"))
        if (expr, instant) not in self._asked:
            self._asked[expr, instant] = self._ask(expr, instant)
        return [_line(target, series) for series in self._asked[expr, instant]]

    def _ask(self, expr: str, instant: bool) -> list[Json]:
        window = self.window
        if instant:
            return self._prometheus.instant(expr, window.end)
        return self._prometheus.over_time(expr, window.start, window.end, window.step_s)


def _line(target: Json, series: Json) -> Line:
    labels = {key: value for key, value in series["metric"].items() if key != "__name__"}
    pairs = series.get("values") or [series["value"]]
    points = tuple((float(at), float(value)) for at, value in pairs if value != "NaN")
    return Line(_name(str(target.get("legendFormat", "__auto")), labels), labels, points)


def _name(legend: str, labels: dict[str, str]) -> str:
    if legend == "__auto":
        return ", ".join(labels.values()) or "value"
    return _LEGEND.sub(lambda match: labels.get(match[1], ""), legend)


def placed(board: Json, answers: Answers) -> Iterator[tuple[Json, list[tuple[Json, Values]]]]:
    """Each row with its panels and the values they are drawn for; a repeated row once for each value."""
    row: Json = {"title": "", "type": "row"}
    inside: list[Json] = []
    for panel in [*board.get("panels", []), {"type": "row", "title": ""}]:
        if panel.get("type") != "row":
            inside.append(panel)
            continue
        if inside:
            yield from _repeated(row, inside, answers)
        row, inside = panel, list(panel.get("panels", []))


def _repeated(row: Json, inside: list[Json], answers: Answers) -> Iterator[tuple[Json, list[tuple[Json, Values]]]]:
    variable = row.get("repeat")
    for value in answers.options(variable) if variable else [""]:
        values: Values = {variable: value} if variable else {}
        title = {**row, "title": str(row["title"]).replace(f"${variable}", value)} if variable else row
        yield title, [(panel, values) for panel in inside]
