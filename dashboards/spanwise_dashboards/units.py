"""The standard's UCUM units as Grafana's unit ids (grafana-data, valueFormats/categories.ts)."""

from __future__ import annotations

from spanwise.standard import Metric

PER_SECOND_OF = {"{request}": "reqps", "By": "Bps", "s": "percentunit"}  # seconds a second are a share of one core
LEVEL_OF = {"s": "s", "By": "bytes", "1": "percentunit"}


def level_unit(metric: Metric) -> str:
    """The unit of the metric's own value; a count of things has none (`short` shortens 1200 to 1.2 K)."""
    return _unit(LEVEL_OF, metric, fallback="short")


def rate_unit(metric: Metric) -> str:
    """The unit of the metric's growth in a second; `cps` is Grafana's "counts/sec"."""
    return _unit(PER_SECOND_OF, metric, fallback="cps")


def _unit(table: dict[str, str], metric: Metric, fallback: str) -> str:
    if metric.unit in table:
        return table[metric.unit]
    if metric.unit.startswith("{"):
        return fallback
    raise ValueError(f"{metric.name}: no Grafana unit is known for {metric.unit!r}; add it to units.py")
