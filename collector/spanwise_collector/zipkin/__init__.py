"""Zipkin's read API, v2: what Zipkin's UI, its clients and Grafana's zipkin data source ask."""

from spanwise_collector.zipkin import _routes, _server

blueprints = (_routes.blueprint, _server.blueprint)

__all__ = ["blueprints"]
