"""Zipkin's read API, v2: what Zipkin's UI, its clients and Grafana's zipkin data source ask."""

from spanwise_collector.zipkin._routes import blueprint

__all__ = ["blueprint"]
