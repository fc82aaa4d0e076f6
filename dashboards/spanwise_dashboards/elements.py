"""grafanalib 0.7.1's classes, with what they cannot say added.

They stay small: whatever stock grafanalib emits in an old shape is mended once, for every panel, in `modernize`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import attr
import grafanalib.core as grafana
from attr.validators import instance_of, optional

# As a value without a type: a checker that knew attrs would not know the fields of the untyped base classes.
attributes: Any = attr.s
NUMBER = optional(instance_of((int, float)))
TRACES = {"type": "tempo", "uid": "${traces}"}
PROMETHEUS = {"type": "prometheus", "uid": "${datasource}"}


@attributes
class Target(grafana.Target):  # type: ignore[misc]
    """A Prometheus query. Stock targets cannot ask for exemplars nor say that they are range queries."""

    exemplar: Any = attr.ib(default=False, validator=instance_of(bool))

    def to_json_data(self) -> dict[str, Any]:
        return {
            "datasource": self.datasource or PROMETHEUS,
            "editorMode": "code",
            "exemplar": self.exemplar,
            "expr": self.expr,
            "format": self.format,
            "instant": self.instant,
            "legendFormat": self.legendFormat,
            "range": not self.instant,
            "refId": self.refId,
        }


@dataclass(frozen=True, slots=True)
class TraceTarget:
    """A search for traces, in TraceQL; stock grafanalib knows no such data source."""

    query: str
    limit: int = 20

    def to_json_data(self) -> dict[str, Any]:
        return {
            "datasource": TRACES,
            "filters": [],
            "limit": self.limit,
            "query": self.query,
            "queryType": "traceql",
            "refId": "A",
            "tableType": "traces",
        }


@attributes
class TimeSeries(grafana.TimeSeries):  # type: ignore[misc]
    """Stock bounds accept whole numbers only, so a ratio's axis cannot end at 0.01."""

    valueMin: Any = attr.ib(default=None, validator=NUMBER)
    valueMax: Any = attr.ib(default=None, validator=NUMBER)
    axisSoftMin: Any = attr.ib(default=None, validator=NUMBER)
    axisSoftMax: Any = attr.ib(default=None, validator=NUMBER)
    colorMode: Any = attr.ib(default="palette-classic-by-name", validator=instance_of(str))
    fillOpacity: Any = attr.ib(default=8, validator=instance_of(int))
    lineWidth: Any = attr.ib(default=1, validator=instance_of(int))
    showPoints: Any = attr.ib(default="never", validator=instance_of(str))
    tooltipMode: Any = attr.ib(default="multi", validator=instance_of(str))
    tooltipSort: Any = attr.ib(default="desc", validator=instance_of(str))


@attributes
class Stat(grafana.Stat):  # type: ignore[misc]
    """Stock stats show the mean, and `none` where there is nothing."""

    noValue: Any = attr.ib(default="–")
    reduceCalc: Any = attr.ib(default="lastNotNull")
    thresholds: Any = attr.ib(factory=list)


@attributes
class Table(grafana.Table):  # type: ignore[misc]
    """Cell styles are in `overrides`; stock tables put colour and mappings where Grafana does not look."""

    align: Any = attr.ib(default="auto", validator=instance_of(str))


@attributes
class Heatmap(grafana.Panel):  # type: ignore[misc]
    """Classic Prometheus buckets over time. Stock heatmaps have the shape of Grafana 7, which the migration reads as
    raw values to be bucketed again."""

    unit: Any = attr.ib(default="s", validator=instance_of(str))

    def to_json_data(self) -> dict[str, Any]:
        panel: dict[str, Any] = self.panel_json(
            {
                "fieldConfig": {"defaults": {"custom": {"scaleDistribution": {"type": "linear"}}}, "overrides": []},
                "options": heatmap_options(self.unit),
                "type": "heatmap",
            }
        )
        return panel


def heatmap_options(unit: str, calculate: bool = False) -> dict[str, Any]:
    """`calculate` makes Grafana sort raw values into buckets; Prometheus' histograms are bucketed already."""
    return {
        "calculate": calculate,
        "cellGap": 1,
        "color": {
            "mode": "scheme",
            "scheme": "Oranges",
            "steps": 64,
            "exponent": 0.5,
            "fill": "dark-orange",
            "reverse": False,
            "scale": "exponential",
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},  # empty buckets stay background
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }


@attributes
class Template(grafana.Template):  # type: ignore[misc]
    """A variable that is asked for again when the time range changes, and whose "All" is a pattern of ours."""

    refresh: Any = attr.ib(default=2, validator=instance_of(int))


def thresholds(limits: tuple[float, float] | None, higher_is_better: bool = False) -> list[dict[str, Any]]:
    """Grafana's steps for where attention and alarm begin; without limits one neutral step."""
    if limits is None:
        return [{"color": "text", "value": None}]
    if higher_is_better:
        alarm, attention = limits
        colors = ("red", "orange", "green")
        return [{"color": color, "value": value} for color, value in zip(colors, (None, alarm, attention), strict=True)]
    colors = ("green", "orange", "red")
    return [{"color": color, "value": value} for color, value in zip(colors, (None, *limits), strict=True)]
