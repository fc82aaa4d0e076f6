"""One service's sampling policy: `{"rate", "routes": [{"route", "rate", "max_per_second", "min_per_second"}]}`.

`rate` is the share of requests that is sampled, None for the service's own; bounds are sampled traces a second.
"""

from __future__ import annotations

from typing import Any

MAX_ROUTES = 500
_MAX_ROUTE_LENGTH = 512
_MAX_PER_SECOND = 1e9
_BOUNDS = ("max_per_second", "min_per_second")
_ROUTE_FIELDS = frozenset({"route", "rate", *_BOUNDS})


class SamplingPolicyError(ValueError):
    """A policy that cannot be used: one line that says where and what is allowed."""


def parse_policy(given: Any, where: str) -> dict[str, Any]:
    """The policy with all its members. Raises SamplingPolicyError, which begins with `where`."""
    if not isinstance(given, dict) or set(given) - {"rate", "routes"}:
        raise SamplingPolicyError(f'{where} must be an object with "rate" and "routes"')
    routes = given.get("routes", [])
    if not isinstance(routes, list) or len(routes) > MAX_ROUTES:
        raise SamplingPolicyError(f"{where}.routes must be a list of at most {MAX_ROUTES}")
    return {
        "rate": _number(given, "rate", where, high=1.0),
        "routes": [_route(route, f"{where}.routes[{i}]") for i, route in enumerate(routes)],
    }


def _route(given: Any, where: str) -> dict[str, Any]:
    if not isinstance(given, dict) or set(given) - _ROUTE_FIELDS or not isinstance(given.get("route"), str):
        raise SamplingPolicyError(f'{where} must be an object with "route", "rate", "max_per_second", "min_per_second"')
    route = given["route"]
    if len(route) > _MAX_ROUTE_LENGTH or not route.isprintable():
        raise SamplingPolicyError(f"{where}.route must be printable text of at most {_MAX_ROUTE_LENGTH} characters")
    policy = {"route": route, "rate": _number(given, "rate", where, high=1.0)}
    policy |= {name: _number(given, name, where, high=_MAX_PER_SECOND) for name in _BOUNDS}
    least, most = policy["min_per_second"], policy["max_per_second"]
    if least is not None and most is not None and least > most:
        raise SamplingPolicyError(f"{where}.min_per_second is more than its max_per_second")
    return policy


def _number(given: dict[str, Any], name: str, where: str, *, high: float) -> float | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
        raise SamplingPolicyError(f"{where}.{name} must be a number from 0 to {high:g}")
    return float(value)
