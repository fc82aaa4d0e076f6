"""Each panel: described, with a unit, on the chosen data source, with an axis that means something."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from spanwise_dashboards.checks.finding import Finding, Json, on_panel, panels_of, promql_targets, source_kind
from spanwise_dashboards.variables import variables_in

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_SERIES = re.compile(r"\b([a-zA-Z_:][\w:]*)\{")
_WITH_AN_AXIS = {"timeseries", "stat", "gauge", "bargauge"}
_WITHOUT_DATA = {"alertlist", "row", "text"}


def _with_data(board: Json) -> Iterator[Json]:
    return (panel for panel in panels_of(board) if panel.get("type") not in _WITHOUT_DATA)


def panel_is_described(board: Json) -> Iterator[Finding]:
    for panel in _with_data(board):
        for key in ("title", "description"):
            if not panel.get(key):
                yield on_panel(board, panel, f"has no {key}")


def panel_has_a_unit(board: Json) -> Iterator[Finding]:
    for panel in _with_data(board):
        if panel.get("targets") and not any(promql_targets(panel)):
            continue  # the units of traces and logs come with them
        config = panel.get("fieldConfig", {})
        units = [config.get("defaults", {}).get("unit"), panel.get("options", {}).get("yAxis", {}).get("unit")]
        for override in config.get("overrides", []):
            units += [item.get("value") for item in override.get("properties", []) if item.get("id") == "unit"]
        if not any(units):
            yield on_panel(board, panel, "has no unit")


def panel_uses_the_datasource_variable(board: Json) -> Iterator[Finding]:
    for panel in _with_data(board):
        if not panel.get("targets"):
            yield on_panel(board, panel, "has no queries")
        for holder in (panel, *panel.get("targets", [])):
            source = holder.get("datasource")
            if source_kind(holder) in ("", "prometheus"):
                sound = source == _DATASOURCE
            else:
                sound = str(source.get("uid", "")).startswith(("$", "-- ", "__expr__", "grafana"))
            if not sound:
                yield on_panel(board, panel, f"data source is {source}, not the variable")


def ref_ids_are_unique(board: Json) -> Iterator[Finding]:
    for panel in _with_data(board):
        for ref_id, times in Counter(target.get("refId") for target in panel.get("targets", [])).items():
            if not ref_id or times > 1:
                yield on_panel(board, panel, f"{times} queries have the refId {ref_id!r}")


def thresholds_ascend(board: Json) -> Iterator[Finding]:
    for panel in _with_data(board):
        steps = panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {}).get("steps", [])
        values = [step.get("value") for step in steps]
        numbers = values[1:]
        sound = all(isinstance(value, int | float) for value in numbers) and numbers == sorted(set(numbers))
        if values and (values[0] is not None or not sound):
            yield on_panel(board, panel, f"thresholds are {values}: the first must be null, the others ascend")


def common_maximum_is_common(board: Json) -> Iterator[Finding]:
    """The query behind a common axis must be asked, and must be the same in each copy of a repeated row."""
    repeated: str | None = None
    for panel in board.get("panels", []):
        if panel.get("type") == "row":
            repeated = panel.get("repeat")
            continue
        for transformation in panel.get("transformations", []):
            if transformation.get("id") != "configFromData":
                continue
            ref_id = transformation["options"]["configRefId"]
            source = next((target for target in panel.get("targets", []) if target.get("refId") == ref_id), None)
            if source is None or source.get("hide"):
                yield on_panel(board, panel, f"the common maximum comes from query {ref_id}, which is not asked")
            elif repeated and repeated in variables_in(source.get("expr", "")):
                yield on_panel(board, panel, f"the common maximum depends on the repeated variable {repeated}")


class Looks:
    """How panels look that ask for the same and are called the same, over all boards that are checked together: whoever
    can read one can read the others."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, ...], tuple[str, str]] = {}

    def same_question_same_look(self, board: Json) -> Iterator[Finding]:
        """Unit, floor and thresholds; where an axis ends may depend on what is beside it."""
        for panel in _with_data(board):
            defaults = panel.get("fieldConfig", {}).get("defaults", {})
            if panel.get("type") not in _WITH_AN_AXIS or not defaults.get("unit"):
                continue
            asked = " ".join(str(target.get("expr")) for target in promql_targets(panel))
            question = (str(panel.get("title")), *sorted(set(_SERIES.findall(asked))))
            values = [step.get("value") for step in defaults.get("thresholds", {}).get("steps", [])]
            look = f"unit {defaults['unit']}, min {defaults.get('min')}, thresholds {values}"
            where, first = self._first.setdefault(question, (on_panel(board, panel, "").where, look))
            if look != first:
                yield on_panel(board, panel, f"has {look}; {where} has {first}")
