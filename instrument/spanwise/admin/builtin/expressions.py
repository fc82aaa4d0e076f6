"""What to watch and when it is bad, as expressions over the metrics: from the standard and the declared objectives.

The shape is twitter-server's metric expressions, version 1.1. Names are those of `/metrics`; `promql` says the same for
Prometheus.
"""

from __future__ import annotations

from typing import Any

from spanwise import objectives
from spanwise.admin.messages import Request, Response, Tier
from spanwise.admin.rendering import json_response
from spanwise.admin.routes import UNLISTED, route
from spanwise.objectives import Objective
from spanwise.standard import (
    HTTP_CLIENT_REQUEST_DURATION,
    HTTP_SERVER_REQUEST_DURATION,
    SLO_EVENTS,
    Better,
    Kind,
    Metric,
    Role,
)

_VERSION = 1.1
_PATH = "Unspecified"
_UNBOUNDED = {
    "kind": "unbounded",
    "operator": None,
    "bad_threshold": None,
    "good_threshold": None,
    "lower_bound_inclusive": None,
    "upper_bound_exclusive": None,
}
_GOOD_SHARE, _BAD_SHARE = 99.97, 99.5  # twitter-server's own for success rates


@route(
    "/admin/metric/expressions.json",
    title="Metric expressions",
    group="Metrics",
    tier=Tier.OPEN,
    parameters=("name=…", "namespace=a:b", "latching_style=true"),
    example="/admin/metric/expressions.json?name=success_rate",
)
def expressions(request: Request) -> Response:
    """Success rates, latencies and throughput of service, clients and objectives, with what is good and bad."""
    names = set(request.query.get("name", ()))
    spaces = {tuple(each.split(":")) for each in request.query.get("namespace", ())}
    found = [
        each
        for each in _all(request)
        if (not names or each["name"] in names) and (not spaces or tuple(each["namespaces"]) in spaces)
    ]
    head: dict[str, Any] = {"@version": _VERSION, "counters_latched": False, "separator_char": "/"}
    return json_response({**head, "expressions": found})


@route("/admin/namespaces", title="Namespaces", group=UNLISTED, tier=Tier.OPEN)
def namespaces(request: Request) -> Response:
    """The namespaces of the expressions."""
    found = sorted({"/".join(each["namespaces"]) for each in _all(request) if each["namespaces"]})
    return json_response({"@version": 1.0, "namespaces": [{"name": name} for name in found]})


def _all(request: Request) -> list[dict[str, Any]]:
    service = request.process.attribute("service.name")
    rows = {row.name: row for row in request.process.metrics()}
    found: list[dict[str, Any]] = []
    for row, role, space in (
        (HTTP_SERVER_REQUEST_DURATION, "Server", "server"),
        (HTTP_CLIENT_REQUEST_DURATION, "Client", "client"),
    ):
        if row.name in rows:
            found += _of_http(row, service, role, space)
    found += [_of_objective(each, service) for each in objectives.objectives()]
    found += [_of_declared(row, service) for row in rows.values() if row.source == "" and row.role is not Role.IDENTITY]
    return found


def _of_http(row: Metric, service: str, role: str, space: str) -> list[dict[str, Any]]:
    failed = 'http_response_status_code=~"5.."' if role == "Server" else 'error_type!=""'
    count = f"{row.name}_count"
    good = f"divide(minus(rate({count}),rate({count}{{{failed}}})),rate({count}))"
    promql = f"100 * (1 - (sum(rate({count}{{{failed}}}[5m])) or vector(0)) / sum(rate({count}[5m])))"
    bounds = _monotone(">", _BAD_SHARE, _GOOD_SHARE)
    common = (service, role, [space])
    found = [
        _entry(
            "success_rate", f"multiply(100.0,{good})", promql, bounds, "Share of requests without failure", "%", *common
        ),
        _entry(
            "throughput", f"rate({count})", f"sum(rate({count}[5m]))", _UNBOUNDED, "Requests a second", "1/s", *common
        ),
    ]
    for name, share in (("latency_p50", 0.5), ("latency_p99", 0.99)):
        expression = f"percentile({share:g},{row.name})"
        promql = f"histogram_quantile({share:g}, sum by (le) (rate({row.name}_bucket[5m])))"
        said = f"Duration that {share:.0%} of requests stay below"
        found.append(_entry(name, expression, promql, _UNBOUNDED, said, "s", *common))
    return found


def _of_objective(each: Objective, service: str) -> dict[str, Any]:
    chosen = f'slo="{each.name}"'
    good = f'rate({SLO_EVENTS.name}{{{chosen},outcome="good"}})'
    everything = f"rate({SLO_EVENTS.name}{{{chosen}}})"
    promql = (
        f'100 * sum(rate({SLO_EVENTS.name}{{{chosen}, outcome="good"}}[5m]))'
        f" / sum(rate({SLO_EVENTS.name}{{{chosen}}}[5m]))"
    )
    wanted = each.objective * 100
    said = f"Share of good events; the objective is {wanted:g} %"
    if each.latency is not None:
        said += f", good is within {each.latency:g} s"
    expression = f"multiply(100.0,divide({good},{everything}))"
    return _entry(each.name, expression, promql, _monotone(">", wanted, wanted), said, "%", service, "Slo", ["slo"])


def _of_declared(row: Metric, service: str) -> dict[str, Any]:
    if row.kind is Kind.COUNTER:
        expression, promql, unit = f"rate({row.name})", f"sum(rate({row.name}[5m]))", f"{row.unit}/s"
    elif row.kind is Kind.HISTOGRAM:
        expression = f"percentile(0.99,{row.name})"
        promql, unit = f"histogram_quantile(0.99, sum by (le) (rate({row.name}_bucket[5m])))", row.unit
    else:
        expression, promql, unit = row.name, f"sum({row.name})", row.unit
    entry = _entry(row.name, expression, promql, _UNBOUNDED, row.description, unit, service, "Metric", ["declared"])
    return entry if row.better is Better.NEITHER else {**entry, "better": row.better.value}


def _monotone(operator: str, bad: float, good: float) -> dict[str, Any]:
    return {**_UNBOUNDED, "kind": "monotone", "operator": operator, "bad_threshold": bad, "good_threshold": good}


def _entry(
    name: str,
    expression: str,
    promql: str,
    bounds: dict[str, Any],
    description: str,
    unit: str,
    service: str,
    role: str,
    spaces: list[str],
) -> dict[str, Any]:
    return {
        "name": name,
        "labels": {"process_path": _PATH, "service_name": service, "role": role},
        "namespaces": spaces,
        "expression": expression,
        "promql": promql,
        "bounds": bounds,
        "description": description,
        "unit": unit,
    }
