"""The metric families, named and labelled as Grafana's Tempo data source has them written into it.

Counts are rounded to whole numbers, because OpenMetrics allows no other; adjusted counts are whole but for rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar

from spanwise_collector.span_metrics._totals import Key, Total

# Bucket k ends at 2^k ns: from 2.1 ms to 17.2 s, edges that the store's aggregates have too; the last is the rest.
FIRST_BUCKET, LAST_BUCKET = 21, 35
SPAN_LABELS = ("service", "span_name", "span_kind", "status_code")
EDGE_LABELS = ("client", "server", "connection_type")


@dataclass(frozen=True, slots=True)
class SpanExemplar:
    """A span of a bucket. `at_s` is seconds since 1970."""

    trace_id: str
    span_id: str
    duration_s: float
    at_s: float

    def as_prometheus(self) -> Exemplar:
        return Exemplar({"trace_id": self.trace_id, "span_id": self.span_id}, self.duration_s, self.at_s)


Exemplars = Mapping[tuple[Key, int], SpanExemplar]


def span_families(totals: Mapping[Key, Total], exemplars: Exemplars) -> list[Metric]:
    calls = CounterMetricFamily(
        "traces_spanmetrics_calls", "Spans by adjusted count, of what the collector stored.", labels=SPAN_LABELS
    )
    latency = HistogramMetricFamily(
        "traces_spanmetrics_latency", "Duration of spans in seconds, by adjusted count.", labels=SPAN_LABELS
    )
    for key, total in totals.items():
        calls.add_metric(key, _count(total))
        _add(latency, key, total, exemplars)
    return [calls, latency]


def edge_families(totals: Mapping[Key, Total]) -> list[Metric]:
    requests = CounterMetricFamily(
        "traces_service_graph_request", "Calls between services by adjusted count.", labels=EDGE_LABELS
    )
    failed = CounterMetricFamily(
        "traces_service_graph_request_failed", "Failed calls between services by adjusted count.", labels=EDGE_LABELS
    )
    seconds = HistogramMetricFamily(
        "traces_service_graph_request_server_seconds",
        "Duration of calls between services as the called one saw it, in seconds, by adjusted count.",
        labels=EDGE_LABELS,
    )
    for key, total in totals.items():
        requests.add_metric(key, _count(total))
        failed.add_metric(key, round(total.errors))
        _add(seconds, key, total, {})
    return [requests, failed, seconds]


def _count(total: Total) -> int:
    return round(sum(total.buckets.values()))


def _add(family: HistogramMetricFamily, key: Key, total: Total, exemplars: Exemplars) -> None:
    buckets: list[Sequence[object]] = []
    so_far = 0.0
    for bucket in range(FIRST_BUCKET, LAST_BUCKET + 1):
        so_far += total.buckets.get(bucket, 0.0)
        edge = "+Inf" if bucket == LAST_BUCKET else repr(2**bucket / 1e9)
        found = exemplars.get((key, bucket))
        buckets.append((edge, round(so_far), found.as_prometheus() if found else None))
    family.add_metric(key, buckets, max(total.seconds, 0.0))  # type: ignore[arg-type]
