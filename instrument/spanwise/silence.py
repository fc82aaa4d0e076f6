"""What a service has declared and never emitted: a forgotten `inc()`, a misspelt route, code that nobody reaches."""

from __future__ import annotations

from spanwise.metrics import declared_instruments
from spanwise.objectives import objectives
from spanwise.standard import Kind, Metric


def silent_metrics() -> list[Metric]:
    """The declared metrics without any sample, in the order of their declarations.

    A counter or histogram that is still 0 counts as silent, and a metric with labels that nobody has used. A gauge
    without labels is never named: its 0 may well have been measured.
    """
    silent = []
    for row, instrument in declared_instruments():
        samples = [sample for family in instrument.collect() for sample in family.samples]
        if row.kind is Kind.GAUGE:
            emitted = not row.labels or bool(samples)
        else:
            emitted = any(sample.value for sample in samples if not sample.name.endswith("_created"))
        if not emitted:
            silent.append(row)
    return silent


def silent_objectives() -> list[str]:
    """The names of the declared SLOs that have not counted an event."""
    return [objective.name for objective in objectives() if not objective.events]
