"""A measure is shown the same way wherever it appears, and every metric of the standard can be one."""

from __future__ import annotations

from typing import Any

import pytest

from spanwise.standard import METRICS, Better, Kind, Metric, Role
from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.measures import DECLARED, ERROR_RATIO, default_measure
from spanwise_dashboards.promql import Scope
from spanwise_dashboards.units import level_unit


def test_keys_are_unique() -> None:
    assert len({measure.key for measure in DECLARED}) == len(DECLARED)


@pytest.mark.parametrize("measure", DECLARED, ids=lambda measure: measure.key)
def test_a_description_comes_from_the_standard(measure: Any) -> None:
    assert measure.metric.description in measure.description
    assert measure.metric.name in measure.description
    assert ("is better" in measure.description) == (measure.better is not Better.NEITHER)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_any_metric_has_a_default(metric: Metric) -> None:
    measure = default_measure(metric)
    text = measure.expr(Scope(), ()).text
    assert metric.name in text
    assert measure.better is metric.better
    if metric.kind is Kind.GAUGE:
        assert (measure.minimum, measure.maximum) == metric.domain


def test_a_measure_looks_alike_on_every_board() -> None:
    """The error ratio on both boards: one unit, one floor, one pair of thresholds, one description."""
    looks = []
    for board in all_boards():
        for panel in board.to_json()["panels"]:
            if panel["title"] == ERROR_RATIO.title and panel["type"] in ("timeseries", "stat"):
                defaults = panel["fieldConfig"]["defaults"]
                looks.append((defaults["unit"], defaults["min"], str(defaults["thresholds"]), panel["description"]))
    assert len(looks) >= 5
    assert len(set(looks)) == 1


def test_titles_are_readable() -> None:
    titles = {metric.name: default_measure(metric).title for metric in METRICS}
    assert titles["python_gc_objects_collected_total"] == "GC objects collected"
    assert titles["process_virtual_memory_bytes"] == "Virtual memory"


def test_a_unit_that_grafana_is_not_told_about_is_an_error() -> None:
    metric = Metric("x_volts", Kind.GAUGE, "V", "x", Role.RATE, METRICS[0].had_by)
    with pytest.raises(ValueError, match=r"x_volts: no Grafana unit is known for 'V'; add it to units\.py"):
        level_unit(metric)
