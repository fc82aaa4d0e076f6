"""Each fault of grafanalib 0.7.1's output is there in the stock output, and gone after the pass.

The first half of each test notices when grafanalib changes; the second is ours.
"""

from __future__ import annotations

import json
from typing import Any

import grafanalib.core as grafana
import pytest
from grafanalib._gen import DashboardEncoder

from spanwise_dashboards.checks.round_trip import nothing_is_lost
from spanwise_dashboards.modernize import SCHEMA_VERSION, UnsupportedPanel, modernize


def stock(*panels: Any, **board: Any) -> dict[str, Any]:
    """What grafanalib alone writes."""
    dashboard = grafana.Dashboard(title="stock", uid="stock", panels=list(panels), **board)
    encoded: dict[str, Any] = json.loads(json.dumps(dashboard.to_json_data(), cls=DashboardEncoder))
    return encoded


def both(panel: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A panel as grafanalib writes it, and mended."""
    before = stock(panel)
    return before["panels"][0], modernize(before)["panels"][0]


def test_the_schema_is_the_current_one() -> None:
    before = stock()
    assert before["schemaVersion"] == 12
    assert modernize(before)["schemaVersion"] == SCHEMA_VERSION == 42


def test_a_shared_crosshair_survives() -> None:
    before = stock(sharedCrosshair=True)
    assert before["graphTooltip"] == 0
    assert modernize(before)["graphTooltip"] == 1


def test_dashboard_keys_that_grafana_no_longer_has_are_gone() -> None:
    gone = {"__inputs", "gnetId", "hideControls", "rows", "sharedCrosshair", "style"}
    before = stock()
    assert gone <= set(before) and "time_options" in before["timepicker"]
    after = modernize(before)
    assert not gone & set(after) and after["timepicker"] == {}


def test_nulls_are_gone_but_for_the_first_threshold() -> None:
    before, after = both(grafana.Stat(title="s", thresholds=[grafana.Threshold("green", 0, 0.0)]))
    assert before["datasource"] is None and before["cacheTimeout"] is None
    assert "null" in json.dumps(before)
    steps = after["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert steps == [{"color": "green", "value": None}]
    assert json.dumps(after).count("null") == 1


def test_panel_keys_of_old_grafanas_are_gone() -> None:
    gone = {"editable", "error", "span", "minSpan", "height", "hideTimeOverride", "cacheTimeout"}
    before, after = both(grafana.TimeSeries(title="t"))
    assert gone <= set(before)
    assert not gone & set(after)


def test_the_coarse_default_resolution_is_gone_and_a_chosen_one_kept() -> None:
    before, after = both(grafana.TimeSeries(title="t"))
    assert before["maxDataPoints"] == 100 and "maxDataPoints" not in after
    assert both(grafana.TimeSeries(title="t", maxDataPoints=500))[1]["maxDataPoints"] == 500


def test_targets_lose_what_halves_their_resolution() -> None:
    before, after = both(grafana.TimeSeries(title="t", targets=[grafana.Target(expr="up", refId="A")]))
    assert before["targets"][0]["intervalFactor"] == 2 and "range" not in before["targets"][0]
    assert after["targets"] == [
        {
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "editorMode": "code",
            "expr": "up",
            "format": "time_series",
            "instant": False,
            "legendFormat": "__auto",
            "range": True,
            "refId": "A",
        }
    ]


def test_an_instant_query_is_not_a_range_query() -> None:
    after = both(grafana.Table(title="t", targets=[grafana.Target(expr="up", refId="A", instant=True)]))[1]
    assert (after["targets"][0]["instant"], after["targets"][0]["range"]) == (True, False)


def test_a_panel_has_the_data_source_of_its_queries() -> None:
    target = grafana.Target(expr="up", refId="A", datasource={"type": "prometheus", "uid": "other"})
    before, after = both(grafana.TimeSeries(title="t", targets=[target]))
    assert before["datasource"] is None
    assert after["datasource"] == {"type": "prometheus", "uid": "other"}
    assert both(grafana.TimeSeries(title="t"))[1]["datasource"]["uid"] == "${datasource}"


def test_threshold_steps_are_colours_and_numbers() -> None:
    steps = [grafana.Threshold("green", 0, 0.0), grafana.Threshold("red", 1, 80.0)]
    before, after = both(grafana.Stat(title="s", thresholds=steps))
    assert before["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] == "null"
    assert after["fieldConfig"]["defaults"]["thresholds"]["steps"] == [
        {"color": "green", "value": None},
        {"color": "red", "value": 80.0},
    ]


def test_a_stat_without_thresholds_has_valid_ones_and_a_dash_for_nothing() -> None:
    before, after = both(grafana.Stat(title="s"))
    assert before["fieldConfig"]["defaults"]["thresholds"]["steps"] == ""
    assert before["fieldConfig"]["defaults"]["noValue"] == "none"
    defaults = after["fieldConfig"]["defaults"]
    assert defaults["thresholds"]["steps"] == [{"color": "green", "value": None}]
    assert defaults["noValue"] == "–" and defaults["color"] == {"mode": "thresholds"}


def test_a_stat_has_the_options_that_the_schema_requires() -> None:
    required = {"wideLayout", "showPercentChange", "percentChangeColorMode"}
    before, after = both(grafana.Stat(title="s"))
    assert not required & set(before["options"])
    assert required <= set(after["options"])


@pytest.mark.parametrize("panel", [grafana.TimeSeries, grafana.StateTimeline])
def test_legends_say_whether_they_are_shown(panel: Any) -> None:
    before, after = both(panel(title="t"))
    assert "showLegend" not in before["options"]["legend"]
    assert after["options"]["legend"] == {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True}


def test_a_hidden_legend_is_a_list_that_is_not_shown() -> None:
    before, after = both(grafana.TimeSeries(title="t", legendDisplayMode="hidden"))
    assert before["options"]["legend"]["displayMode"] == "hidden"
    assert after["options"]["legend"]["displayMode"] == "list"
    assert after["options"]["legend"]["showLegend"] is False


def test_stacking_and_scale_are_whole() -> None:
    before, after = both(grafana.TimeSeries(title="t"))
    custom = before["fieldConfig"]["defaults"]["custom"]
    assert custom["stacking"] == {} and custom["scaleDistribution"] == {"type": "linear", "log": 2}
    custom = after["fieldConfig"]["defaults"]["custom"]
    assert custom["stacking"] == {"mode": "none", "group": "A"} and custom["scaleDistribution"] == {"type": "linear"}
    stacked = both(grafana.TimeSeries(title="t", stacking={"mode": "normal"}))[1]
    assert stacked["fieldConfig"]["defaults"]["custom"]["stacking"] == {"mode": "normal", "group": "A"}


def test_a_heatmap_of_buckets_is_not_bucketed_again() -> None:
    panel = grafana.Heatmap(title="h", targets=[grafana.Target(expr="up", refId="A", format="heatmap")])
    before, after = both(panel)
    assert before["options"] == [] and before["dataFormat"] == "timeseries"
    assert after["options"]["calculate"] is False
    assert not {"cards", "dataFormat", "xAxis", "yAxis"} & set(after)


def test_a_heatmap_of_raw_values_is_bucketed() -> None:
    assert both(grafana.Heatmap(title="h"))[1]["options"]["calculate"] is True


def test_a_tables_cell_style_is_where_grafana_looks() -> None:
    before, after = both(grafana.Table(title="t", displayMode="color-text", mappings=[{"type": "value"}]))
    assert before["fieldConfig"]["defaults"]["custom"]["displayMode"] == "color-text" and "mappings" in before
    defaults = after["fieldConfig"]["defaults"]
    assert defaults["custom"]["cellOptions"] == {"type": "color-text"} and defaults["custom"]["inspect"] is False
    assert defaults["mappings"] == [{"type": "value"}]
    assert not {"color", "columns", "fontSize", "mappings"} & set(after)


def test_a_bar_gauge_keeps_what_it_reduces_to() -> None:
    before, after = both(grafana.BarGauge(title="b", calc="max", format="s", max=7))
    assert "fieldOptions" in before["options"]
    assert "fieldOptions" not in after["options"]
    assert after["options"]["reduceOptions"] == {"calcs": ["max"], "fields": "", "values": False}
    defaults = after["fieldConfig"]["defaults"]
    assert (defaults["unit"], defaults["max"]) == ("s", 7)
    assert [step["value"] for step in defaults["thresholds"]["steps"]] == [None, 80.0]


def test_a_gauge_keeps_what_it_reduces_to() -> None:
    before, after = both(grafana.GaugePanel(title="g", calc="max", format="s"))
    assert before["fieldConfig"]["defaults"]["calcs"] == ["max"] and "options" not in before
    assert after["options"]["reduceOptions"]["calcs"] == ["max"]
    assert "calcs" not in after["fieldConfig"]["defaults"]
    assert after["options"]["showThresholdMarkers"] is True


def test_a_row_is_only_a_row() -> None:
    inner = grafana.TimeSeries(title="inner")
    before, after = both(grafana.RowPanel(title="r", panels=[inner], repeat=grafana.Repeat(variable="service_name")))
    assert {"targets", "fieldConfig", "options"} & set(before)
    assert set(after) == {"collapsed", "panels", "repeat", "title", "type"}
    assert "error" not in after["panels"][0]


def test_a_variable_for_all_sends_all() -> None:
    template = grafana.Template(
        name="service_name", query="label_values(up, job)", default="All", includeAll=True, multi=True
    )
    before = stock(templating=grafana.Templating(list=[template]))
    (old,) = before["templating"]["list"]
    assert old["current"]["value"] == "All" and old["refresh"] == 1 and "useTags" in old
    (new,) = modernize(before)["templating"]["list"]
    assert new["current"] == {"selected": True, "text": ["All"], "value": ["$__all"]}
    assert new["refresh"] == 2
    assert not {"auto", "auto_count", "auto_min", "tags", "tagsQuery", "tagValuesQuery", "useTags"} & set(new)


def test_a_data_source_variable_has_nothing_chosen() -> None:
    template = grafana.Template(name="datasource", query="prometheus", type="datasource")
    (new,) = modernize(stock(templating=grafana.Templating(list=[template])))["templating"]["list"]
    assert new["current"] == {} and "datasource" not in new


def test_a_panel_type_that_is_no_more_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedPanel, match=r"'old one' has the type 'graph'; supported are .*timeseries"):
        modernize(stock(grafana.Graph(title="old one")))


def test_what_is_mended_is_all_known_to_grafana() -> None:
    pytest.importorskip("grafana_foundation_sdk", reason="needs Python 3.11")
    panels = [
        kind(title=kind.__name__, targets=[grafana.Target(expr="up", refId="A")])
        for kind in (
            grafana.BarGauge,
            grafana.GaugePanel,
            grafana.Heatmap,
            grafana.Stat,
            grafana.StateTimeline,
            grafana.Table,
            grafana.Text,
            grafana.TimeSeries,
        )
    ]
    assert [str(finding) for finding in nothing_is_lost(modernize(stock(*panels)))] == []


def test_a_document_is_left_as_it_was() -> None:
    before = stock(grafana.Stat(title="s"))
    copy = json.loads(json.dumps(before))
    modernize(before)
    assert before == copy
