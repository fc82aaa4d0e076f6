"""Tempo's read API with TraceQL, as Grafana's tempo data source and Traces Drilldown ask it."""

from spanwise_collector.tempo._routes import blueprint

__all__ = ["blueprint"]
