"""Jaeger's read API as its UI before 2.20 and Grafana's jaeger data source ask it: `/api/*`."""

from spanwise_collector.jaeger._routes import blueprint

__all__ = ["blueprint"]
