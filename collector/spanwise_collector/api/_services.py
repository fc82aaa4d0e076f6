"""What the routes need of the collector's other rooms."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from spanwise_collector.health import Health
from spanwise_collector.keeping import Keeping
from spanwise_collector.query import AttributeCatalog, Catalog, Measures, Minutes, Patterns, TraceReader, TraceSearch
from spanwise_collector.registry import Registry, SamplingPolicies, Snapshots
from spanwise_collector.traceql import TraceQL

EXTENSION = "spanwise_collector"


@dataclass(frozen=True, slots=True)
class Services:
    catalog: Catalog
    search: TraceSearch
    traces: TraceReader
    traceql: TraceQL
    minutes: Minutes
    measures: Measures
    patterns: Patterns
    attributes: AttributeCatalog
    keeping: Keeping
    registry: Registry
    snapshots: Snapshots
    sampling: SamplingPolicies
    health: Health


def services() -> Services:
    """Those of the application that handles the current request."""
    found: Services = current_app.extensions[EXTENSION]
    return found
