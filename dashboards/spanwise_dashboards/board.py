"""What a board is: sections of lines of panels, each panel with its queries and who must have data for them.

Boards are authored with these and `panels`; `Board.to_json` lays them out, gives ids and brings them to schema 42.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import grafanalib.core as grafana

from spanwise.standard import TARGET_INFO, Metric, ServiceKind
from spanwise_dashboards import promql
from spanwise_dashboards.elements import PROMETHEUS, Target, Template
from spanwise_dashboards.layout import COLUMNS, ROW_HEIGHT, Position, line
from spanwise_dashboards.modernize import modernize
from spanwise_dashboards.promql import Expr
from spanwise_dashboards.variables import ALL, RECORDED, Variable

TAG = "spanwise"
_BUILT_IN_ANNOTATIONS = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel.

    `expr`: PromQL with Grafana's variables (`variables.fill_variables` replaces them). `needs`: every service of this
    kind must have data. `labels`: what its result is keyed by; with `service_name` among them it has one series or more
    for each such service, without it and without `$service_name` in `expr` it is about the whole fleet.
    """

    source: Expr
    ref_id: str = "A"
    legend: str = "__auto"
    instant: bool = False
    format: str = "time_series"
    exemplar: bool = False

    @property
    def expr(self) -> str:
        return self.source.text

    @property
    def needs(self) -> ServiceKind:
        return self.source.needs

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return self.source.metrics

    @property
    def labels(self) -> tuple[str, ...]:
        return self.source.labels

    def target(self) -> Target:
        return Target(
            expr=self.expr,
            refId=self.ref_id,
            legendFormat=self.legend,
            instant=self.instant,
            format=self.format,
            exemplar=self.exemplar,
        )


@dataclass(frozen=True, slots=True)
class Panel:
    """`key` is the panel's name within its board and gives its id, so that links survive a reordering.
    `element` is grafanalib's object with everything but title, description, targets, id and position."""

    key: str
    title: str
    description: str
    element: Any
    queries: tuple[Query, ...] = ()
    share: int = 1

    @property
    def id(self) -> int:
        """A stable number above 0 that fits a signed 32-bit integer."""
        return stable_id(self.key)

    def place(self, position: Position) -> Any:
        """A copy of the element with what it lacks; what was checked when it was made is not checked again."""
        element = copy(self.element)
        element.title, element.description, element.id = self.title, self.description, self.id
        element.gridPos = grafana.GridPos(position.h, position.w, position.x, position.y)
        if self.queries:
            element.targets = [query.target() for query in self.queries]
        return element


@dataclass(frozen=True, slots=True)
class Line:
    """Panels side by side, all `height` grid units (of 30 px) high."""

    panels: tuple[Panel, ...]
    height: int = 8


@dataclass(frozen=True, slots=True)
class Section:
    """A titled, foldable part of a board; with `repeat` once for each value of that variable."""

    key: str
    title: str
    lines: tuple[Line, ...]
    repeat: str | None = None

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for one in self.lines for panel in one.panels)


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard. `uid` is at most 40 characters and never changes: links and bookmarks hold it."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    sections: tuple[Section, ...]
    links: tuple[dict[str, Any], ...] = field(default=())

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for section in self.sections for panel in section.panels)

    @property
    def file_name(self) -> str:
        return f"{self.uid}.json"

    def to_json(self) -> dict[str, Any]:
        """The document for Grafana, classic schema 42. Raises ValueError where two panels have one id."""
        ids = [panel.id for panel in self.panels] + [stable_id(f"row/{section.key}") for section in self.sections]
        if len(set(ids)) != len(ids):
            raise ValueError(f"board {self.uid}: two panels have one id; give one of them another key")
        dashboard = grafana.Dashboard(
            title=self.title,
            description=self.description,
            uid=self.uid,
            tags=[TAG],
            editable=False,
            graphTooltip=grafana.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
            timezone="browser",
            refresh="30s",
            time=grafana.Time("now-1h", "now"),
            annotations=grafana.Annotations(list=[_BUILT_IN_ANNOTATIONS, deploy_markers()]),
            links=list(self.links),
            templating=grafana.Templating(list=[_template(variable) for variable in self.variables]),
            panels=list(self._elements()),
        )
        return modernize(dashboard)

    def _elements(self) -> Iterator[Any]:
        y = 0
        for section in self.sections:
            yield grafana.RowPanel(
                title=section.title,
                id=stable_id(f"row/{section.key}"),
                gridPos=grafana.GridPos(ROW_HEIGHT, COLUMNS, 0, y),
                repeat=grafana.Repeat(variable=section.repeat),
            )
            y += ROW_HEIGHT
            for one in section.lines:
                for panel, position in zip(
                    one.panels, line([panel.share for panel in one.panels], y, one.height), strict=True
                ):
                    yield panel.place(position)
                y += one.height


def deploy_markers() -> dict[str, Any]:
    """A mark on every chart where a version of a chosen service begins, from the metrics themselves."""
    begins = promql.begins(TARGET_INFO, RECORDED, ("service_name", "service_version"), "2m")
    return {
        "name": "Deploys",
        "datasource": PROMETHEUS,
        "enable": True,
        "hide": False,
        "iconColor": "blue",
        "expr": begins.text,
        "step": "60s",
        "titleFormat": "{{service_name}} {{service_version}}",
        "textFormat": "A new version answers scrapes",
        "tagKeys": "service_name,service_version",
        "useValueForTime": False,
    }


def stable_id(key: str) -> int:
    return (zlib.crc32(key.encode()) & 0x7FFFFFFF) or 1


def _template(variable: Variable) -> Template:
    is_query = variable.kind == "query"
    return Template(
        name=variable.name,
        label=variable.label,
        query=variable.query,
        type=variable.kind,
        dataSource=PROMETHEUS if is_query else None,
        multi=variable.multi,
        includeAll=variable.multi,
        allValue=ALL if variable.multi else None,
        default="All" if variable.multi else None,
        sort=0 if variable.kind == "custom" else 5,  # alphabetical, upper and lower case alike
    )
