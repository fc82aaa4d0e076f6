"""The boards' variables, and how to fill them in by hand.

The variables carry the names of the standard's identity labels, shortened once (`environment`), so that a link from
board to board keeps them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from spanwise.standard import HTTP_SERVER_REQUEST_DURATION, TARGET_INFO
from spanwise_dashboards.promql import Scope

ENVIRONMENT_MATCHER = 'deployment_environment_name=~"$environment"'
# What an "All" is sent as. Identity labels are never absent, so `.+` leaves out only what is not ours.
ALL = ".+"

FLEET = Scope((ENVIRONMENT_MATCHER,))
VERSION_MATCHER = 'service_version=~"$service_version"'
SELECTED = Scope((ENVIRONMENT_MATCHER, 'service_name=~"$service_name"', VERSION_MATCHER))
ONE_SERVICE = Scope((ENVIRONMENT_MATCHER, 'service_name="$service_name"', VERSION_MATCHER))
# Recorded series have no version.
RECORDED = Scope((ENVIRONMENT_MATCHER, 'service_name=~"$service_name"'))
LEFT = Scope((*ONE_SERVICE.matchers, 'instance=~"$instance"'))
RIGHT = Scope(
    (
        ENVIRONMENT_MATCHER,
        'service_name=~"$other_service_name"',
        'service_version=~"$other_service_version"',
        'instance=~"$other_instance"',
    ),
    offset="$shift",
)
ONE_ROUTE = Scope((*SELECTED.matchers, 'http_route=~"$route"'))


@dataclass(frozen=True, slots=True)
class Variable:
    """One drop-down at the top of a board. `kind` is `datasource`, `query` or `custom`: a list with commas."""

    name: str
    label: str
    query: str
    kind: str = "query"
    multi: bool = field(default=False)


def _values_of(label: str, *matchers: str) -> str:
    return f"label_values({Scope(matchers).selector(TARGET_INFO.name)}, {label})"


DATASOURCE = Variable("datasource", "Data source", "prometheus", kind="datasource")
# Which of Grafana's trace data sources; the collector is one.
TRACES = Variable("traces", "Traces", "tempo", kind="datasource")
ENVIRONMENT = Variable("environment", "Environment", _values_of("deployment_environment_name"), multi=True)
SERVICE_NAMES = Variable("service_name", "Service", _values_of("service_name", ENVIRONMENT_MATCHER), multi=True)
SERVICE_NAME = Variable("service_name", "Service", _values_of("service_name", ENVIRONMENT_MATCHER))
SERVICE_VERSIONS = Variable(
    "service_version",
    "Version",
    _values_of("service_version", ENVIRONMENT_MATCHER, 'service_name=~"$service_name"'),
    multi=True,
)
INSTANCE = Variable(
    "instance",
    "Instance",
    _values_of("instance", *ONE_SERVICE.matchers),
    multi=True,
)
OTHER_SERVICE_NAME = Variable("other_service_name", "With service", _values_of("service_name", ENVIRONMENT_MATCHER))
OTHER_SERVICE_VERSION = Variable(
    "other_service_version",
    "With version",
    _values_of("service_version", ENVIRONMENT_MATCHER, 'service_name="$other_service_name"'),
    multi=True,
)
OTHER_INSTANCE = Variable(
    "other_instance",
    "With instance",
    _values_of(
        "instance",
        ENVIRONMENT_MATCHER,
        'service_name="$other_service_name"',
        'service_version=~"$other_service_version"',
    ),
    multi=True,
)
# One second stands for now: Prometheus refuses an offset of 0s.
SHIFT = Variable("shift", "As it was ago", "1s,5m,1h,6h,1d,7d,28d", kind="custom")
ROUTE = Variable(
    "route",
    "Route",
    f"label_values({SELECTED.selector(f'{HTTP_SERVER_REQUEST_DURATION.name}_count')}, http_route)",
    multi=True,
)
SERVICE_VERSION = Variable(
    "service_version",
    "Version",
    _values_of("service_version", ENVIRONMENT_MATCHER, 'service_name="$service_name"'),
    multi=True,
)

COLLECTOR_NAME = Variable(
    "service_name",
    "Collector",
    f"label_values({Scope((ENVIRONMENT_MATCHER,)).selector('spanwise_collector_spool_bytes')}, service_name)",
)


def name_of(service: str) -> Variable:
    """The variable of a board that is about one service."""
    return Variable("service_name", "Service", _values_of("service_name", f"service_name={json.dumps(service)}"))


_REFERENCE = re.compile(r"\$(?P<plain>[A-Za-z_]\w*)|\$\{(?P<braced>\w+)(?::(?P<format>\w+))?\}")
# What Grafana would compute from the panel's width and the time range; these fit data scraped every 15 s.
_DEFAULTS: dict[str, str | Sequence[str]] = {
    "__rate_interval": "1m",
    "__interval": "15s",
    "__range": "1h",
    "datasource": "spanwise-prometheus",
    "environment": ALL,
    "service_name": ALL,
    "service_version": ALL,
    "instance": ALL,
    "other_service_name": ALL,
    "other_service_version": ALL,
    "other_instance": ALL,
    "shift": "1s",
    "route": ALL,
}


def fill_variables(expr: str, **values: str | Sequence[str]) -> str:
    """`expr` with every Grafana variable and macro replaced, ready for Prometheus.

    `values` are by the variable's name, without the leading `__` of a macro: `fill_variables(expr,
    service_name="catalog", rate_interval="5s", range="1m")`. A list becomes an alternative, `(a|b)`, as Grafana makes
    one of a variable with several values. Not given: `rate_interval` 1m, `interval` 15s, `range` 1h, and everything for
    the others (so give `service_name` for the Service board, where exactly one is chosen). Raises ValueError for a
    variable it does not know.
    """
    known = dict(_DEFAULTS)
    for name, value in values.items():
        known[f"__{name}" if f"__{name}" in _DEFAULTS else name] = value

    def fill(match: re.Match[str]) -> str:
        name = match["plain"] or match["braced"]
        if name not in known:
            raise ValueError(f"${name} is not a variable of the boards: {expr}")
        value = known[name]
        if isinstance(value, str):
            return value
        # Twice: once for the regular expression, once for the PromQL string that holds it.
        return "(" + "|".join(re.escape(item).replace("\\", "\\\\") for item in value) + ")"

    return _REFERENCE.sub(fill, expr)


def variables_in(expr: str) -> set[str]:
    """The names of the variables and macros (with their `__`) that an expression refers to."""
    return {match["plain"] or match["braced"] for match in _REFERENCE.finditer(expr)}
