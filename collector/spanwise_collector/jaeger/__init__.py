"""Jaeger's read APIs: `/api/*` as its UI before 2.20 and Grafana's jaeger data source ask it, and `/api/v3/*`."""

from spanwise_collector.jaeger import _metrics, _routes, _v3

blueprints = (_routes.blueprint, _routes.sampling_blueprint, _metrics.blueprint, _v3.blueprint)

__all__ = ["blueprints"]
