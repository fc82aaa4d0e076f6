"""What each path asks of a caller, and which paths never make spans."""

from __future__ import annotations

from spanwise_collector.http import Access
from spanwise_collector.registry import SNAPSHOT_PATH

_OPEN = frozenset({"/health", "/livez", "/readyz", "/ready"})
_INSTANCES = "/api/spanwise/instances"
_SAMPLING = "/api/spanwise/sampling"
_JAEGER_SAMPLING = ("/api/sampling", "/sampling")
_PROMETHEUS = "/sd/prometheus"
_SEARCHES = frozenset({"/api/v3/traces", "/api/v3/trace-summaries"})

# Paths that machines call all day: with spans of their own they would never let the collector rest.
UNTRACED = (
    "/v1/",
    "/api/v1/spans",
    "/api/v2/spans",
    "/static/",
    _INSTANCES,
    SNAPSHOT_PATH,
    _SAMPLING,
    *_JAEGER_SAMPLING,
    "/sd/",
    *sorted(_OPEN),
)


def access(method: str, path: str) -> Access:
    # A job's last metrics are as open as any service's /metrics, to whoever was told the key.
    if path in _OPEN or (method in ("GET", "HEAD") and path.startswith(f"{SNAPSHOT_PATH}/")):
        return Access.OPEN
    if path.startswith("/v1/"):
        return Access.WRITE
    if path in (_SAMPLING, *_JAEGER_SAMPLING) and method in ("GET", "HEAD"):
        return Access.EITHER
    # A search may be a POST in Jaeger's API v3; it changes nothing.
    if method == "POST" and path in _SEARCHES:
        return Access.READ
    return Access.READ if method in ("GET", "HEAD") else Access.WRITE
