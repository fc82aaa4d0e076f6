"""The rarer kinds of panel: what is there over time, bars, text, who calls whom, what is firing.

grafanalib has them in shapes of long ago or not at all, so these are whole panels of today's shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attr
import grafanalib.core as grafana

from spanwise_dashboards.board import Panel, Query
from spanwise_dashboards.elements import TRACES, TraceTarget, attributes
from spanwise_dashboards.measures import Measure
from spanwise_dashboards.panels import color_of, field_of, organize
from spanwise_dashboards.promql import Expr, Scope

Json = dict[str, Any]


@attributes
class CurrentPanel(grafana.Panel):  # type: ignore[misc]
    """A panel of the type `kind`, with these options and field defaults."""

    kind: Any = attr.ib(default="")
    options: Any = attr.ib(factory=dict)
    defaults: Any = attr.ib(factory=dict)

    def to_json_data(self) -> Json:
        body = {"type": self.kind, "options": self.options, "fieldConfig": {"defaults": self.defaults, "overrides": []}}
        panel: Json = self.panel_json(body)
        return panel


def state_timeline(key: str, title: str, measure: Measure, scope: Scope, by: tuple[str, ...]) -> Panel:
    """A bar for each group, coloured by the threshold that its value is beyond, where it has any, else by its value; a
    gap where it was not there."""
    color = color_of(measure) if measure.thresholds else {"mode": "continuous-BlPu"}
    element = CurrentPanel(
        kind="state-timeline",
        options={"alignValue": "left", "mergeValues": True, "rowHeight": 0.8, "showValue": "auto"},
        defaults={**field_of(measure), "color": color, "custom": {"fillOpacity": 70}},
    )
    legend = " ".join(f"{{{{{label}}}}}" for label in by)
    return Panel(key, title, measure.description, element, (Query(measure.expr(scope, by), legend=legend),))


def bar_gauge(key: str, measure: Measure, scope: Scope, by: tuple[str, ...], *, title: str = "") -> Panel:
    """The newest value of each group as a bar, all bars on the measure's axis."""
    element = CurrentPanel(
        kind="bargauge",
        options={
            "orientation": "horizontal",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
        defaults={**field_of(measure), "color": color_of(measure)},
    )
    legend = " ".join(f"{{{{{label}}}}}" for label in by)
    query = Query(measure.expr(scope, by), legend=legend, instant=True)
    return Panel(key, title or measure.title, measure.description, element, (query,))


def text(key: str, title: str, markdown: str) -> Panel:
    """Words on a board."""
    element = CurrentPanel(kind="text", options={"mode": "markdown", "content": markdown})
    return Panel(key, title, markdown, element)


def alert_list(key: str, title: str, description: str, labels: str) -> Panel:
    """What is firing or about to: alerts of every data source with these labels."""
    element = CurrentPanel(
        kind="alertlist",
        options={
            "alertInstanceLabelFilter": labels,
            "alertName": "",
            "dashboardAlerts": False,
            "groupBy": [],
            "groupMode": "default",
            "maxItems": 20,
            "showInstances": True,
            "sortOrder": 3,
            "stateFilter": {"error": True, "firing": True, "noData": False, "normal": False, "pending": True},
            "viewMode": "list",
        },
    )
    return Panel(key, title, description, element)


def node_graph(
    key: str, title: str, description: str, nodes: Expr, edges: Expr, names: Sequence[str], unit: str
) -> Panel:
    """Circles and arrows. Both expressions must have the label `id`, `edges` also `source` and `target`; the frame with
    those is the arrows (grafana, public/app/plugins/panel/nodeGraph/utils.ts)."""
    queries = (
        Query(nodes, "nodes", instant=True, format="table"),
        Query(edges, "edges", instant=True, format="table"),
    )
    renamed = {"Value #nodes": "mainstat", "Value #edges": "mainstat"}
    element = CurrentPanel(
        kind="nodeGraph",
        options={"nodes": {"mainStatUnit": unit}, "edges": {"mainStatUnit": unit}},
        defaults={"unit": unit},
        transformations=[organize({name: name for name in names} | renamed, hidden=("Time",))],
    )
    return Panel(key, title, description, element, queries)


def trace_list(key: str, title: str, description: str, traceql: str) -> Panel:
    """Traces that a search in TraceQL finds, newest first; Grafana makes each id a link to its trace."""
    element = CurrentPanel(
        kind="table",
        options={"cellHeight": "sm", "showHeader": True},
        dataSource=TRACES,
        targets=[TraceTarget(traceql)],
    )
    return Panel(key, title, description, element)
