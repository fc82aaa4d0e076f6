"""A service's own metrics: a panel for each that it declared, made of what it said about it."""

from __future__ import annotations

import hashlib
import re

from spanwise.standard import Metric
from spanwise_dashboards import links
from spanwise_dashboards.board import Board, Line, Section
from spanwise_dashboards.measures import default_measure
from spanwise_dashboards.panels import Series, time_series
from spanwise_dashboards.variables import DATASOURCE, ENVIRONMENT, ONE_SERVICE, SERVICE_VERSION, name_of

_PER_LINE = 3
_PREFIX = "spanwise-own-"
_LONGEST = 40  # Grafana's limit for a uid


def own_uid(service: str) -> str:
    """Stable, and different for two services even where their names differ in what a uid may not hold."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", service)
    if plain == service and len(_PREFIX + plain) <= _LONGEST:
        return _PREFIX + plain
    digest = hashlib.sha256(service.encode()).hexdigest()[:8]
    return f"{_PREFIX}{plain[: _LONGEST - len(_PREFIX) - 9]}-{digest}"


def own_metrics(service: str, metrics: tuple[Metric, ...], owner: str = "", slos: tuple[str, ...] = ()) -> Board:
    """A counter's growth, a gauge's level, a histogram's p99; split by the first label where there is one."""
    about = [f"What {service} declares itself, one panel for each metric."]
    about += [f"Owner: {owner}."] if owner else []
    about += [f"Objectives, on the board SLO: {', '.join(slos)}."] if slos else []
    panels = [
        time_series(f"own/{metric.name}", [Series(default_measure(metric), ONE_SERVICE, metric.labels[:1])])
        for metric in metrics
    ]
    lines = tuple(Line(tuple(panels[start : start + _PER_LINE])) for start in range(0, len(panels), _PER_LINE))
    return Board(
        uid=own_uid(service),
        title=f"{service}: own metrics",
        description=" ".join(about),
        variables=(DATASOURCE, ENVIRONMENT, name_of(service), SERVICE_VERSION),
        sections=(Section("own", "Own metrics", lines),),
        links=links.to_boards(""),
    )
