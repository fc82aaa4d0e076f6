"""One panel as HTML: drawn where its kind is one of those previewed, else a titled box with what its queries return."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from spanwise_dashboards.checks.finding import promql_targets, source_kind
from spanwise_dashboards.preview import draw
from spanwise_dashboards.preview.colors import color_classes
from spanwise_dashboards.preview.data import Answers, Line, Values
from spanwise_dashboards.preview.numbers import rounded_axis, shown
from spanwise_dashboards.preview.table import table_html
from spanwise_dashboards.variables import variables_in

Json = dict[str, Any]
Result = list[tuple[Json, list[Line]]]
_ROW_PX = 30
_HEAD_PX = 70
_MOST_IN_LEGEND = 8


def panel_html(panel: Json, answers: Answers, values: Values) -> str:
    """A card with title, description as a tooltip, and body, as wide as on the board."""
    asked = list(promql_targets(panel))
    result = [(target, answers.lines(target, values)) for target in asked]
    draw_kind = _box if panel.get("targets") and not asked else _KINDS.get(panel["type"], _box)
    body = draw_kind(panel, result, answers)
    place = panel["gridPos"]
    title = escape(str(panel.get("title", "")))
    return (
        f'<section class="preview-panel" style="--columns: {place["w"]}" data-kind="{escape(panel["type"])}">'
        f'<h3 title="{escape(str(panel.get("description", "")))}">{title}</h3>{body}</section>'
    )


def _defaults(panel: Json) -> Json:
    defaults: Json = panel.get("fieldConfig", {}).get("defaults", {})
    return defaults


def _unit(panel: Json) -> str:
    return str(_defaults(panel).get("unit") or panel.get("options", {}).get("yAxis", {}).get("unit") or "short")


def _size(panel: Json) -> draw.Size:
    place = panel["gridPos"]
    return draw.Size.of(int(place["w"]), max(90, int(place["h"]) * _ROW_PX - _HEAD_PX))


def _empty(lines: Sequence[Line]) -> str:
    return "" if any(line.points for line in lines) else '<p class="preview-empty">No data</p>'


def y_range(panel: Json, result: Result) -> tuple[float, float]:
    """The axis: fixed by the panel, or ending at the common maximum, or at what is there."""
    defaults = _defaults(panel)
    common = {
        transformation["options"]["configRefId"]
        for transformation in panel.get("transformations", [])
        if transformation["id"] == "configFromData"
    }
    drawn = [line for target, lines in result if target["refId"] not in common for line in lines]
    shared = [line for target, lines in result if target["refId"] in common for line in lines]
    reached = [value for line in (shared or drawn) for _, value in line.points if not math.isinf(value)]
    soft = defaults.get("custom", {}).get("axisSoftMax") or 0.0
    low, high = defaults.get("min"), defaults.get("max")
    begins = min([0.0, *reached]) if low is None else float(low)
    ends = max([soft, 0.0, *reached]) if high is None else float(high)
    if ends <= begins:
        return begins, begins + 1.0
    rounded = rounded_axis(begins, ends, _unit(panel))
    return (rounded[0] if low is None else begins), (rounded[1] if high is None else ends)


def _time_series(panel: Json, result: Result, answers: Answers) -> str:
    lines = _drawn(panel, result)
    colors = _colors(panel, lines)
    axis = y_range(panel, result)
    chart = draw.time_series(lines, colors, answers.window, axis, _unit(panel), _size(panel))
    return _empty(lines) or chart + _legend(lines, colors, _unit(panel))


def _colors(panel: Json, lines: Sequence[Line]) -> dict[str, str]:
    return color_classes(lines, panel.get("fieldConfig", {}).get("overrides", []))


def _drawn(panel: Json, result: Result) -> list[Line]:
    """Every series but those that carry a setting."""
    hidden = {t["options"]["configRefId"] for t in panel.get("transformations", []) if t["id"] == "configFromData"}
    return [line for target, lines in result if target["refId"] not in hidden for line in lines]


def _legend(lines: Sequence[Line], colors: dict[str, str], unit: str) -> str:
    ranked = sorted(lines, key=lambda line: (-line.last if not math.isnan(line.last) else 0.0, line.name))
    items = [
        f'<li class="{colors[line.name]}"><i></i>{escape(line.name)} <b>{escape(shown(line.last, unit))}</b></li>'
        for line in ranked[:_MOST_IN_LEGEND]
    ]
    if len(ranked) > _MOST_IN_LEGEND:
        items.append(f"<li>and {len(ranked) - _MOST_IN_LEGEND} more</li>")
    return f'<ul class="preview-legend">{"".join(items)}</ul>'


def _stat(panel: Json, result: Result, answers: Answers) -> str:
    lines = [line for _, found in result for line in found]
    if not any(line.points for line in lines):
        return '<p class="preview-stat">–</p>'
    line = lines[0]
    high = max(value for _, value in line.points)
    return f'<p class="preview-stat">{escape(shown(line.last, _unit(panel)))}</p>{draw.sparkline(line, high)}'


def _heatmap(panel: Json, result: Result, answers: Answers) -> str:
    lines = [line for _, found in result for line in found]
    return _empty(lines) or draw.heatmap(lines, answers.window, _unit(panel), _size(panel))


def _state_timeline(panel: Json, result: Result, answers: Answers) -> str:
    lines = [line for _, found in result for line in found]
    steps = _defaults(panel).get("thresholds", {}).get("steps", [])
    by_threshold = _defaults(panel).get("color", {}).get("mode") == "thresholds"
    bands = [(step["value"] or 0.0, step["color"]) for step in steps] if by_threshold else []
    window, unit = answers.window, _unit(panel)
    return _empty(lines) or draw.state_timeline(lines, _colors(panel, lines), bands, window, unit, _size(panel))


def _text(panel: Json, result: Result, answers: Answers) -> str:
    """Markdown's marks are left out; nothing here needs more."""
    content = str(panel.get("options", {}).get("content", ""))
    for name in variables_in(content):
        content = content.replace(f"${name}", str(answers.values.get(name, f"${name}")))
    return f'<p class="preview-text">{escape(content.replace("**", "").replace("`", ""))}</p>'


def _box(panel: Json, result: Result, answers: Answers) -> str:
    """Not previewed: the queries, and how many rows each returns."""
    items = "".join(
        f"<li><b>{len(lines)} rows</b> <code>{escape(target.get('expr', ''))}</code></li>" for target, lines in result
    )
    what = panel["type"] if result or not panel.get("targets") else f"{panel['type']} of {source_kind(panel)}"
    return f'<p class="preview-empty">{escape(what)}: not previewed</p><ul class="preview-queries">{items}</ul>'


_KINDS: dict[str, Callable[[Json, Result, Answers], str]] = {
    "heatmap": _heatmap,
    "stat": _stat,
    "state-timeline": _state_timeline,
    "table": lambda panel, result, _: table_html(panel, result),
    "text": _text,
    "timeseries": _time_series,
}
