"""Which series a query may name, with which labels: the standard's, Prometheus' own, what our rules record, and what
services declare themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from spanwise.standard import IDENTITY_LABELS, METRICS, Kind, Metric
from spanwise_dashboards.collector_metrics import COLLECTOR_METRICS
from spanwise_dashboards.prometheus_metrics import PROMETHEUS_METRICS
from spanwise_dashboards.rules import recording_rules

_SCRAPE_LABELS = frozenset({"job", "instance"})  # Prometheus adds them to every series


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`metrics` by sample name, such as `..._bucket`; `records` are the labels of each recorded series."""

    metrics: Mapping[str, Metric]
    records: Mapping[str, tuple[str, ...]]

    def knows(self, series: str | None) -> bool:
        return series in self.metrics or series in self.records

    def labels(self, series: str) -> set[str]:
        """Every label the series may have; KeyError for one that is not known."""
        if series in self.records:
            return set(self.records[series])
        bucket = {"le"} if series.endswith("_bucket") and self.metrics[series].kind is Kind.HISTOGRAM else set()
        return {*self.metrics[series].labels, *IDENTITY_LABELS, *_SCRAPE_LABELS, *bucket}

    def grows(self, series: str | None) -> bool | None:
        """Whether it is a counter or part of a histogram; None where the standard does not say."""
        metric = self.metrics.get(series or "")
        return None if metric is None else metric.kind is not Kind.GAUGE

    def with_metrics(self, declared: Iterable[Metric]) -> Vocabulary:
        """This one and what services declare; a name that two declare has the labels of both."""
        metrics = dict(self.metrics)
        for metric in declared:
            for series in metric.series:
                before = metrics.get(series, metric)
                labels = tuple(dict.fromkeys((*before.labels, *metric.labels)))
                metrics[series] = before if labels == before.labels else replace(before, labels=labels)
        return Vocabulary(metrics, self.records)


@cache
def standard() -> Vocabulary:
    """What every Prometheus with our rules has."""
    rows = (*METRICS, *PROMETHEUS_METRICS, *COLLECTOR_METRICS)
    metrics = {series: metric for metric in rows for series in metric.series}
    return Vocabulary(metrics, {rule.record: rule.labels for rule in recording_rules()})
