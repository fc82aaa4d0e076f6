"""Which of the declared metrics have ever had a value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from spanwise.exposition import families
from spanwise.standard import Metric

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


def emitted_names(registry: CollectorRegistry, rows: Iterable[Metric]) -> set[str]:
    """The names of those rows that have a series which is not zero."""
    by_series = {series: row.name for row in rows for series in (*row.series, row.name)}
    return {
        by_series[sample.name]
        for family in families(registry)
        for sample in family.samples
        if sample.value and sample.name in by_series
    }


def never_emitted_names(registry: CollectorRegistry, rows: Iterable[Metric]) -> list[str]:
    listed = list(rows)
    emitted = emitted_names(registry, listed)
    return [row.name for row in listed if row.name not in emitted]
