"""The registry as a flat map from series name to number, the form of `/admin/metrics.json`.

A name is the metric's, then its label values in the standard's order, joined by `/` (a `/` inside a value is `%2F`);
a histogram has the suffixes of twitter-server, whose p99.9 is `p9990`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from spanwise.admin.histograms import Buckets
from spanwise.exposition import families
from spanwise.standard import Metric

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric as Family

PERCENTILES = {0.5: ".p50", 0.9: ".p90", 0.95: ".p95", 0.99: ".p99", 0.999: ".p9990", 0.9999: ".p9999"}
COUNT, SUM, AVERAGE = ".count", ".sum", ".avg"
HISTOGRAM_SUFFIXES = (COUNT, SUM, AVERAGE, *PERCENTILES.values())

# Up to here a double counts every whole number.
_MAX_EXACT = 2**53


def flat(registry: CollectorRegistry, rows: Iterable[Metric]) -> dict[str, float]:
    """Every series by name, in the registry's order. NaN and infinities, for which JSON has no word, are left out."""
    label_order = {row.name: row.labels for row in rows}
    numbers: dict[str, float] = {}
    for family in families(registry):
        if family.type in ("histogram", "gaugehistogram"):
            for name, buckets in _histograms(family, label_order).items():
                _put_histogram(numbers, name, buckets)
        else:
            _put_samples(numbers, family, label_order)
    return numbers


def metric_of(series: str) -> str:
    """A series name's metric: without a histogram's suffix and without label values."""
    for suffix in HISTOGRAM_SUFFIXES:
        series = series.removesuffix(suffix)
    return series.partition("/")[0]


def histogram_series(registry: CollectorRegistry, rows: Iterable[Metric]) -> dict[str, Buckets]:
    """Every series of every histogram by name."""
    label_order = {row.name: row.labels for row in rows}
    found: dict[str, Buckets] = {}
    for family in families(registry):
        if family.type in ("histogram", "gaugehistogram"):
            found.update(_histograms(family, label_order))
    return found


def series_name(metric: str, labels: Mapping[str, str], order: Iterable[str] = ()) -> str:
    """`("requests_total", {"route": "/a", "method": "GET"}, ("method", "route"))` -> `"requests_total/GET/%2Fa"`."""
    ordered = [name for name in order if name in labels]
    ordered += [name for name in labels if name not in ordered]
    return "/".join([metric, *(str(labels[name]).replace("/", "%2F") for name in ordered)])


def histograms(family: Family) -> Iterable[tuple[dict[str, str], Buckets]]:
    """The series of a histogram family: labels without `le`, and buckets."""
    found: dict[tuple[tuple[str, str], ...], Buckets] = {}
    for sample in family.samples:
        suffix = sample.name[len(family.name) :]
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        if suffix not in ("_bucket", "_sum", "_gsum", "_count", "_gcount"):
            continue
        buckets = found.setdefault(tuple(labels.items()), Buckets())
        if suffix == "_bucket":
            buckets.cumulative[float(sample.labels["le"])] = sample.value
        elif suffix in ("_sum", "_gsum"):
            buckets.sum = sample.value
        else:
            buckets.count = sample.value
    return [(dict(labels), buckets) for labels, buckets in found.items()]


def _histograms(family: Family, label_order: Mapping[str, tuple[str, ...]]) -> dict[str, Buckets]:
    order = label_order.get(family.name, ())
    return {series_name(family.name, labels, order): buckets for labels, buckets in histograms(family)}


def _put_histogram(numbers: dict[str, float], name: str, buckets: Buckets) -> None:
    _put(numbers, f"{name}{COUNT}", buckets.count)
    _put(numbers, f"{name}{SUM}", buckets.sum)
    _put(numbers, f"{name}{AVERAGE}", buckets.average)
    for share, suffix in PERCENTILES.items():
        _put(numbers, f"{name}{suffix}", buckets.quantile(share))


def _put_samples(numbers: dict[str, float], family: Family, label_order: Mapping[str, tuple[str, ...]]) -> None:
    suffixes = {f"{family.name}_count": COUNT, f"{family.name}_sum": SUM} if family.type == "summary" else {}
    for sample in family.samples:
        if sample.name == f"{family.name}_created" and family.type in ("counter", "summary"):
            continue
        metric = family.name if sample.name in suffixes else sample.name
        name = series_name(metric, sample.labels, label_order.get(metric, ()))
        _put(numbers, f"{name}{suffixes.get(sample.name, '')}", sample.value)


def _put(numbers: dict[str, float], name: str, value: float) -> None:
    if math.isfinite(value):
        numbers[name] = int(value) if float(value).is_integer() and abs(value) <= _MAX_EXACT else value
