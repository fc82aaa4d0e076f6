"""Many workers' metrics as one service's: what is added up, what is the greatest, what each worker says for itself.

Counters, histograms and summaries are added up, those of dead workers included, so that they never go backwards.
Gauges of dead workers are gone with them; those of living ones are merged as declared (`spanwise.standard.Workers`).
`_created` times are the earliest. Of the exemplars of a bucket the newest stays.

A family that two workers know with different types or buckets (for a moment during a deployment) is the newer
worker's alone: adding up buckets with different bounds would be no histogram.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Exemplar, Sample

from spanwise.standard import Workers
from spanwise.workers.snapshot import FamilySnapshot, Snapshot, Table

# The label that tells workers apart where each speaks for itself: the number of its slot, small and used again.
WORKER_LABEL = "worker"
_COUNTED = frozenset({"counter", "histogram", "summary"})
_CREATED = "_created"
_QUANTILE = "quantile"
# Labels that tell the parts of one histogram or summary, and not one from another.
_PARTS = frozenset({"le", _QUANTILE})
# The dead of a service with changing label sets would grow for ever; the cardinality bound makes this ample.
MAX_DEAD_SERIES = 100_000

_Key = tuple[str, tuple[str, ...]]


@dataclass(slots=True)
class _Merged:
    """A family under way: values and exemplars by label names and values."""

    first: FamilySnapshot
    bounds: frozenset[str]
    values: dict[_Key, dict[tuple[Any, ...], float]] = field(default_factory=dict)
    exemplars: dict[_Key, dict[tuple[Any, ...], list[Any]]] = field(default_factory=dict)


class Merge:
    """Takes snapshots, newest worker first, the dead last."""

    def __init__(self) -> None:
        self._families: dict[str, _Merged] = {}

    def add(self, snapshot: Snapshot, worker: str) -> None:
        """A living worker's; `worker` is its slot's number."""
        for family in snapshot.families:
            self._add(family, worker)

    def add_dead(self, snapshot: Snapshot) -> None:
        """What outlives a worker: its counters."""
        for family in snapshot.families:
            if family.type in _COUNTED:
                self._add(family, "")

    def families(self) -> Iterator[Family]:
        """As `CollectorRegistry.collect` gives them."""
        for name, merged in self._families.items():
            family = Family(name, merged.first.help, merged.first.type)
            family.unit = merged.first.unit
            family.samples = list(_samples(merged))
            yield family

    def snapshot(self, at: float, folded: tuple[str, ...], max_series: int = MAX_DEAD_SERIES) -> Snapshot:
        """As one snapshot of nobody's, of at most `max_series` series: the first ones."""
        left = max_series
        families = []
        for merged in self._families.values():
            tables = []
            for (sample, labels), values in merged.values.items():
                rows = [[*key, value] for key, value in list(values.items())[: max(0, left)]]
                left -= len(rows)
                tables.append(Table(sample, labels, rows, _exemplar_rows(merged, (sample, labels), values, len(rows))))
            first = merged.first
            families.append(FamilySnapshot(first.name, first.type, first.help, first.unit, first.merge, tables))
        return Snapshot("", at, families, folded)

    def _add(self, family: FamilySnapshot, worker: str) -> None:
        merged = self._families.get(family.name)
        bounds = _bounds(family)
        if merged is None:
            merged = self._families[family.name] = _Merged(family, bounds)
        elif merged.first.type != family.type or (bounds and merged.bounds and merged.bounds != bounds):
            return
        for table in family.tables:
            _add_table(merged, table, Workers.SUM if family.type in _COUNTED else family.merge, worker)


def _add_table(merged: _Merged, table: Table, merge: Workers, worker: str) -> None:
    labels, add_worker = table.labels, merge is Workers.EACH and WORKER_LABEL not in table.labels
    if add_worker:
        labels = (*labels, WORKER_LABEL)
    if table.sample.endswith(_CREATED):
        merge = Workers.MIN
    elif _QUANTILE in labels:
        merge = Workers.MAX  # quantiles cannot be added up; the worst worker's is at least true of somebody
    key = (table.sample, labels)
    values = merged.values.setdefault(key, {})
    for row in table.rows:
        series = (*row[:-1], worker) if add_worker else tuple(row[:-1])
        value, known = row[-1], values.get(series)
        if known is None or known != known:  # absent, or not a number
            values[series] = value
        elif merge is Workers.SUM:
            if value == value:
                values[series] = known + value
        elif merge is Workers.MIN:
            values[series] = min(known, value)
        else:
            values[series] = max(known, value)
    if table.exemplars:
        _add_exemplars(merged.exemplars.setdefault(key, {}), table)


def _add_exemplars(exemplars: dict[tuple[Any, ...], list[Any]], table: Table) -> None:
    for number, labels, value, at in table.exemplars:
        series = tuple(table.rows[number][:-1])
        known = exemplars.get(series)
        if known is None or (at or 0.0) > (known[2] or 0.0):
            exemplars[series] = [labels, value, at]


def _samples(merged: _Merged) -> Iterable[Sample]:
    """Label set by label set, as OpenMetrics wants it: the buckets of one, its count and sum, then the next."""
    by_label_set: dict[tuple[tuple[str, Any], ...], list[Sample]] = {}
    for (name, labels), values in merged.values.items():
        exemplars = merged.exemplars.get((name, labels), {})
        for series, value in values.items():
            found = exemplars.get(series)
            exemplar = None if found is None else Exemplar(*found)
            pairs = tuple(zip(labels, series, strict=True))
            group = tuple(pair for pair in pairs if pair[0] not in _PARTS)
            by_label_set.setdefault(group, []).append(Sample(name, dict(pairs), value, None, exemplar))
    for samples in by_label_set.values():
        yield from samples


def _exemplar_rows(merged: _Merged, key: _Key, values: dict[tuple[Any, ...], float], kept: int) -> list[list[Any]]:
    exemplars = merged.exemplars.get(key)
    if not exemplars:
        return []
    return [[row, *exemplars[series]] for row, series in enumerate(values) if series in exemplars and row < kept]


def _bounds(family: FamilySnapshot) -> frozenset[str]:
    """The upper bounds of a histogram's buckets; empty for every other type."""
    if family.type != "histogram":
        return frozenset()
    return frozenset(
        row[table.labels.index("le")] for table in family.tables if "le" in table.labels for row in table.rows
    )
