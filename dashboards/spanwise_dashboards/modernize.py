"""One pass over grafanalib's output that brings it to the current classic dashboard schema, 42.

grafanalib 0.7.1 writes schema 12 of 2016. Grafana would migrate it through thirty steps, and lose on the way: the
shared crosshair, table cell styles, bucketed heatmaps. From 38 on it does not migrate old shapes at all. So every fault
is mended here, for every panel alike, whether it comes from our subclasses or from stock classes. Sources: grafana's
`apps/dashboard/pkg/migration` and the panel schemas of `@grafana/schema`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from spanwise_dashboards.elements import PROMETHEUS, heatmap_options

Json = dict[str, Any]
SCHEMA_VERSION = 42

_DASHBOARD_KEYS_GONE = ("__inputs", "gnetId", "hideControls", "rows", "sharedCrosshair", "style")
_PANEL_KEYS_GONE = (
    "cacheTimeout",
    "columns",
    "editable",
    "error",
    "fontSize",
    "height",
    "hideTimeOverride",
    "minSpan",
    "span",
)
_HEATMAP_KEYS_GONE = (
    "cards",
    "color",
    "dataFormat",
    "heatmap",
    "hideZeroBuckets",
    "highlightCards",
    "legend",
    "reverseYBuckets",
    "tooltip",
    "xAxis",
    "xBucketNumber",
    "xBucketSize",
    "yAxis",
    "yBucketBound",
    "yBucketNumber",
    "yBucketSize",
)
_TARGET_KEYS_GONE = ("intervalFactor", "metric", "query", "step", "target")
_VARIABLE_KEYS_GONE = ("auto", "auto_count", "auto_min", "tagValuesQuery", "tags", "tagsQuery", "useTags")
_ROW_KEYS = ("collapsed", "gridPos", "id", "panels", "repeat", "title", "type")
_SCALARS = frozenset((str, int, float, bool, type(None)))
_STOCK_MAX_DATA_POINTS = 100  # grafanalib's default for every panel, which makes wide panels coarse


class UnsupportedPanel(ValueError):
    """A panel type that current Grafana no longer has, or that this pass does not know how to mend."""


def modernize(dashboard: Any) -> Json:
    """The schema-42 document of a grafanalib `Dashboard` (or of its JSON). Raises UnsupportedPanel."""
    board = cast(Json, _plain(dashboard))
    if board.get("sharedCrosshair") and not board.get("graphTooltip"):
        board["graphTooltip"] = 1
    _remove(board, _DASHBOARD_KEYS_GONE)
    board.update(schemaVersion=SCHEMA_VERSION, fiscalYearStartMonth=0, timepicker={})
    board["templating"] = {"list": [_variable(variable) for variable in board["templating"]["list"]]}
    board["panels"] = [_panel(panel) for panel in board["panels"]]
    return board


def _remove(mapping: Json, keys: tuple[str, ...]) -> None:
    for key in keys:
        mapping.pop(key, None)


def _plain(value: Any, key: str = "") -> Any:
    """Objects as what they encode to, tuples as lists, all copied. Nulls mean "not set" and go, everywhere but in a
    threshold's first step."""
    if isinstance(value, dict):
        is_step = key == "steps"
        return {
            name: item if type(item) in _SCALARS else _plain(item, name)
            for name, item in value.items()
            if item is not None or (is_step and name == "value")
        }
    if isinstance(value, list | tuple):
        return [item if type(item) in _SCALARS else _plain(item, key) for item in value]
    encode = getattr(value, "to_json_data", None)
    return value if encode is None else _plain(encode(), key)


def _panel(panel: Json) -> Json:
    mend = _MEND.get(panel["type"])
    if mend is None:
        known = ", ".join(sorted(_MEND))
        raise UnsupportedPanel(f"panel {panel.get('title')!r} has the type {panel['type']!r}; supported are {known}")
    if panel["type"] == "row":
        return _row(panel)
    _remove(panel, _PANEL_KEYS_GONE)
    if panel.get("maxDataPoints") == _STOCK_MAX_DATA_POINTS:
        del panel["maxDataPoints"]
    panel["targets"] = [_target(target) for target in panel.get("targets", [])]
    if panel.get("datasource") is None:
        own = (target["datasource"] for target in panel["targets"] if target.get("datasource"))
        panel["datasource"] = next(own, PROMETHEUS)
    field_config = panel.setdefault("fieldConfig", {})
    field_config.setdefault("overrides", [])
    defaults = field_config.setdefault("defaults", {})
    if "thresholds" in defaults:
        defaults["thresholds"]["steps"] = _steps(defaults["thresholds"].get("steps"))
    mend(panel)
    return panel


def _row(panel: Json) -> Json:
    row = {key: panel[key] for key in _ROW_KEYS if key in panel}
    row["panels"] = [_panel(inner) for inner in row.get("panels", [])]
    return row


def _target(target: Json) -> Json:
    source = target.get("datasource")
    if isinstance(source, dict) and source.get("type") not in (None, PROMETHEUS["type"]):
        return target  # another language, whose keys may be called the same
    _remove(target, _TARGET_KEYS_GONE)
    target["range"] = not target.get("instant", False)
    target["editorMode"] = "code"
    for key in ("interval", "legendFormat"):
        if target.get(key) == "":
            del target[key]
    target.setdefault("legendFormat", "__auto")
    if target.get("hide") is False:
        del target["hide"]
    if not target.get("datasource"):
        target["datasource"] = PROMETHEUS
    return target


def _steps(steps: Any) -> list[Json]:
    """`{color, value}`; stock steps say `"null"` for the base, and no steps at all are an empty string."""
    if not steps:
        return [{"color": "green", "value": None}]
    return [
        {"color": step["color"], "value": None if step["value"] in (None, "null") else step["value"]} for step in steps
    ]


def _variable(variable: Json) -> Json:
    _remove(variable, _VARIABLE_KEYS_GONE)
    if variable["type"] == "datasource":
        _remove(variable, ("allValue", "datasource", "sort"))
        variable.update(current={}, regex=variable.get("regex") or "", options=[], refresh=1)
        return variable
    if variable["type"] == "query":
        variable.update(regex=variable.get("regex") or "", options=[], refresh=max(2, variable.get("refresh", 2)))
        variable["datasource"] = variable.get("datasource") or PROMETHEUS
    current = variable.get("current") or {}
    _remove(current, ("tags",))
    if variable.get("includeAll") and current.get("value") in (None, "All", "$__all"):
        all_of = (["All"], ["$__all"]) if variable.get("multi") else ("All", "$__all")
        current = {"selected": True, "text": all_of[0], "value": all_of[1]}
    elif current.get("value") is None:
        current = {}
    variable["current"] = current
    return variable


def _legend_and_tooltip(panel: Json) -> None:
    legend = panel.setdefault("options", {}).setdefault("legend", {})
    hidden = legend.get("displayMode") == "hidden"
    legend["showLegend"] = not hidden
    legend["displayMode"] = "list" if hidden else legend.get("displayMode", "list")
    legend.setdefault("placement", "bottom")
    legend.setdefault("calcs", [])
    tooltip = panel["options"].setdefault("tooltip", {"mode": "single"})
    tooltip.setdefault("sort", "none")


def _time_series(panel: Json) -> None:
    _legend_and_tooltip(panel)
    custom = panel["fieldConfig"]["defaults"].setdefault("custom", {})
    custom["stacking"] = {"mode": "none", "group": "A", **(custom.get("stacking") or {})}
    if custom.get("scaleDistribution", {}).get("type", "linear") == "linear":
        custom["scaleDistribution"] = {"type": "linear"}
    if panel["fieldConfig"]["defaults"].get("unit") == "":
        del panel["fieldConfig"]["defaults"]["unit"]


def _state_timeline(panel: Json) -> None:
    _legend_and_tooltip(panel)
    custom = panel["fieldConfig"]["defaults"].setdefault("custom", {})
    custom.setdefault("hideFrom", {"legend": False, "tooltip": False, "viz": False})


def _stat(panel: Json) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    if not isinstance(defaults.get("color"), dict):
        defaults["color"] = {"mode": "thresholds"}
    if not defaults.get("custom"):
        defaults.pop("custom", None)
    if defaults.get("noValue") == "none":
        defaults["noValue"] = "–"
    options = panel.setdefault("options", {})
    options.setdefault("wideLayout", True)
    options.setdefault("showPercentChange", False)
    options.setdefault("percentChangeColorMode", "standard")


def _table(panel: Json) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    for key in ("color", "mappings"):
        if key in panel:
            defaults.setdefault(key, panel.pop(key))
    if defaults.get("unit") == "":
        del defaults["unit"]
    custom = defaults.setdefault("custom", {})
    style = custom.pop("displayMode", "auto")
    custom.setdefault("cellOptions", {"type": style})
    custom.setdefault("inspect", False)
    options = panel.setdefault("options", {})
    options.setdefault("cellHeight", "sm")


def _heatmap(panel: Json) -> None:
    """The stock shape is Grafana 7's; migrated, it would sort the buckets of a histogram into buckets once more."""
    if isinstance(panel.get("options"), dict):
        return
    bucketed = panel.get("dataFormat") == "tsbuckets" or any(
        target.get("format") == "heatmap" for target in panel["targets"]
    )
    panel["options"] = heatmap_options((panel.get("yAxis") or {}).get("format") or "short", calculate=not bucketed)
    _remove(panel, _HEATMAP_KEYS_GONE)


def _reduced(panel: Json, settings: Json) -> None:
    """What one value of a series is shown: `settings` are the stock ones, wherever they stood."""
    options = panel.setdefault("options", {})
    options["reduceOptions"] = {
        "calcs": settings.get("calcs") or ["lastNotNull"],
        "fields": "",
        "values": bool(settings.get("values")),
    }
    options.setdefault("orientation", "auto")
    defaults = panel["fieldConfig"]["defaults"]
    for key in ("decimals", "links", "mappings", "max", "min", "unit"):
        if settings.get(key) is not None:
            defaults[key] = settings[key]
    if settings.get("title"):
        defaults["displayName"] = settings["title"]


def _bar_gauge(panel: Json) -> None:
    options = panel.setdefault("options", {})
    old = options.pop("fieldOptions", None)
    if old is not None:
        steps = _steps(old.get("thresholds"))
        panel["fieldConfig"]["defaults"]["thresholds"] = {"mode": "absolute", "steps": steps}
        _reduced(panel, {**old.get("defaults", {}), "calcs": old.get("calcs"), "mappings": old.get("mappings")})
        _remove(options, ("showThresholdLabels", "showThresholdMarkers"))
    options.setdefault("displayMode", "gradient")
    options.setdefault("valueMode", "color")
    options.setdefault("namePlacement", "auto")
    options.setdefault("showUnfilled", True)
    options.setdefault("sizing", "auto")
    options.setdefault("minVizWidth", 8)
    options.setdefault("minVizHeight", 16)
    options.setdefault("maxVizHeight", 300)
    options.setdefault("legend", {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False})


def _gauge(panel: Json) -> None:
    field_config = panel["fieldConfig"]
    defaults = field_config["defaults"]
    options = panel.setdefault("options", {})
    if "calcs" in defaults:
        _reduced(panel, dict(defaults))
        _remove(defaults, ("calcs", "limit", "override", "title", "values"))
    for key, default in (("showThresholdLabels", False), ("showThresholdMarkers", True)):
        options.setdefault(key, field_config.pop(key, default))
    options.setdefault("sizing", "auto")
    options.setdefault("minVizWidth", 75)
    options.setdefault("minVizHeight", 75)


def _without_queries(panel: Json) -> None:
    _remove(panel, ("targets",))
    panel["fieldConfig"]["defaults"].pop("thresholds", None)
    panel.pop("datasource", None)


_MEND: dict[str, Callable[[Json], None]] = {
    "alertlist": _without_queries,
    "bargauge": _bar_gauge,
    "gauge": _gauge,
    "heatmap": _heatmap,
    "nodeGraph": lambda _: None,
    "row": lambda _: None,
    "stat": _stat,
    "state-timeline": _state_timeline,
    "table": _table,
    "text": _without_queries,
    "timeseries": _time_series,
}
