"""Grafana's data sources: Prometheus, and the collector in the roles of Tempo, Jaeger and Zipkin, linked both ways.

From a metric to its trace by exemplars, from a span to its service's metrics by the labels that both share. The uids
are fixed: boards, bookmarks and alerts refer to them.
"""

from __future__ import annotations

from typing import Any

from spanwise_dashboards.measures import ERROR_RATIO, LATENCY_P99, REQUEST_RATE, Measure
from spanwise_dashboards.promql import Scope
from spanwise_dashboards.provisioning import duration

Json = dict[str, Any]
PROMETHEUS_UID = "spanwise-prometheus"
TEMPO_UID = "spanwise-tempo"
TRACE_KINDS = ("tempo", "jaeger", "zipkin")  # the collector answers all three at one address
READ_TOKEN_VARIABLE = "SPANWISE_COLLECTOR_READ_TOKEN"  # noqa: S105 - the variable's name
# Attribute of a span -> label of the metrics; Grafana takes those that the span has.
_SHARED = {
    "service.name": "service_name",
    "deployment.environment.name": "deployment_environment_name",
    "http.route": "http_route",
}
_AROUND = "5m"  # metrics from this long before the span until as long after it


def data_sources(prometheus_url: str, collector_url: str, scrape_interval_s: float) -> Json:
    """The body of Grafana's file. `$$` keeps Grafana from filling in what it should fill in later."""
    traces = [_traces(kind, collector_url) for kind in TRACE_KINDS]
    return {"apiVersion": 1, "datasources": [_prometheus(prometheus_url, collector_url, scrape_interval_s), *traces]}


def _prometheus(url: str, collector_url: str, scrape_interval_s: float) -> Json:
    """`timeInterval` must be the scrape interval: `$__rate_interval` is computed from it."""
    exemplars = [
        {
            "name": "trace_id",
            "url": f"{collector_url}/trace/$${{__value.raw}}",
            "urlDisplayLabel": "Open the trace",
        },
        {"name": "trace_id", "datasourceUid": TEMPO_UID, "urlDisplayLabel": "Open in Grafana"},
    ]
    return {
        "name": "Prometheus",
        "uid": PROMETHEUS_UID,
        "type": "prometheus",
        "access": "proxy",
        "url": url,
        "isDefault": True,
        "jsonData": {
            "httpMethod": "POST",
            "prometheusType": "Prometheus",
            "timeInterval": duration(scrape_interval_s),
            "exemplarTraceIdDestinations": exemplars,
        },
    }


def _traces(kind: str, url: str) -> Json:
    """The token is read by Grafana from its own environment, and is empty where the collector asks for none."""
    more: Json = {}
    if kind == "tempo":
        # The service map is drawn from the collector's metrics in Prometheus; answers are not streamed.
        more = {
            "serviceMap": {"datasourceUid": PROMETHEUS_UID},
            "streamingEnabled": {"search": False, "metrics": False},
        }
    return {
        "name": f"Traces ({kind.capitalize()})",
        "uid": f"spanwise-{kind}",
        "type": kind,
        "access": "proxy",
        "url": url,
        "jsonData": {
            "httpHeaderName1": "Authorization",
            "nodeGraph": {"enabled": True},
            "tracesToMetrics": _to_metrics(),
            **more,
        },
        "secureJsonData": {"httpHeaderValue1": f"Bearer ${READ_TOKEN_VARIABLE}"},
    }


def _to_metrics() -> Json:
    return {
        "datasourceUid": PROMETHEUS_UID,
        "spanStartTimeShift": f"-{_AROUND}",
        "spanEndTimeShift": _AROUND,
        "tags": [{"key": attribute, "value": label} for attribute, label in _SHARED.items()],
        "queries": [_query(measure) for measure in (REQUEST_RATE, ERROR_RATIO, LATENCY_P99)],
    }


def _query(measure: Measure) -> Json:
    expr = measure.expr(Scope(("$$__tags",), window="5m"), ())
    return {"name": measure.title, "query": expr.text}
