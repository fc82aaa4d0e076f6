"""Metrics out: rates, errors and durations of spans and of calls between services, under the names Grafana asks for."""

from spanwise_collector.span_metrics._exporter import SpanMetrics

__all__ = ["SpanMetrics"]
