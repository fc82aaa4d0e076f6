"""What each metric means, in the shape of twitter-server's metric metadata, version 3.2, from the standard's table."""

from __future__ import annotations

from typing import Any

from spanwise.admin.emitted import emitted_names
from spanwise.admin.messages import Request, Response, Tier
from spanwise.admin.rendering import json_response
from spanwise.admin.routes import route
from spanwise.admin.series import AVERAGE, COUNT, PERCENTILES, SUM, metric_of
from spanwise.standard import Kind, Metric, Role, ServiceKind

_VERSION = 3.2
_UNSPECIFIED = "Unspecified"
_CATEGORIES = {ServiceKind.HTTP_SERVER: "Server", ServiceKind.HTTP_CLIENT: "Client"}
_KEY_ROLES = frozenset({Role.RATE, Role.ERRORS, Role.DURATION})
# No minimum and maximum: buckets do not know them.
_BUCKETS = {"count": COUNT, "sum": SUM, "average": AVERAGE} | {
    f"{share:g}": suffix for share, suffix in PERCENTILES.items()
}


@route(
    "/admin/metric_metadata.json",
    title="Metric metadata",
    group="Metrics",
    tier=Tier.OPEN,
    parameters=("name=…", "emitted=false"),
    example="/admin/metric_metadata.json?emitted=false",
)
def metric_metadata(request: Request) -> Response:
    """Kind, unit, labels, description and direction of each metric of the standard and of the service's own.

    `emitted` says whether it ever had a value; `emitted=false` lists those that are declared and never were.
    """
    wanted = {metric_of(name) for name in request.query.get("name", ())}
    rows = [row for row in request.process.metrics() if not wanted or row.name in wanted]
    emitted = emitted_names(request.process.registry, rows)
    if request.parameter("emitted") in ("false", "0"):
        rows = [row for row in rows if row.name not in emitted]
    owner = request.process.attribute("spanwise.owner")
    return json_response(
        {
            "@version": _VERSION,
            "counters_latched": False,
            "separator_char": "/",
            "metrics": [{**_entry(row), "owner": row.owner or owner, "emitted": row.name in emitted} for row in rows],
        }
    )


def _entry(row: Metric) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": row.name,
        "dimensional_name": row.name,
        "relative_name": [row.name],
        "labels": {},
        "dimensional_support": True,
        "kind": row.kind.value,
        "source": {
            "class": _UNSPECIFIED,
            "category": _CATEGORIES.get(row.had_by, "NoRoleSpecified"),
            "process_path": _UNSPECIFIED,
        },
        "description": row.description or "No description provided",
        "unit": row.unit or _UNSPECIFIED,
        "verbosity": "Verbosity(default)",
        "key_indicator": row.role in _KEY_ROLES,
        "label_names": list(row.labels),
        "better": row.better.value,
        "role": row.role.value,
    }
    if row.kind is Kind.HISTOGRAM:
        entry["histogram_format"] = "percentiles are interpolated inside the bucket"
        entry["bucket_bounds"] = list(row.buckets)
        entry["buckets"] = _BUCKETS
    return entry
