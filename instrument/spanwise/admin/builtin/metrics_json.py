"""All metrics as one flat JSON object, for scripts and for people with curl."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from spanwise.admin.latched import LATCH
from spanwise.admin.messages import Request, Response, Tier
from spanwise.admin.parameters import choice
from spanwise.admin.rendering import json_response
from spanwise.admin.routes import route
from spanwise.admin.series import COUNT, flat, metric_of
from spanwise.standard import BY_NAME, Kind, Metric, Role

if TYPE_CHECKING:
    from spanwise.admin.process import Process

_KEY_ROLES = frozenset({Role.RATE, Role.ERRORS, Role.DURATION})


@route(
    "/admin/metrics.json",
    title="Metrics as JSON",
    group="Metrics",
    tier=Tier.OPEN,
    parameters=("pretty=true", "filtered=true", "period=60", "m=…"),
    example="/admin/metrics.json?pretty=true&m=http_server_*",
)
def metrics_json(request: Request) -> Response:
    """Every series as name and number, histograms as count, sum, average and percentiles; `pretty` also sorts.

    `filtered` leaves out what only describes the runtime; `m` (again and again) takes names, with `*` for any text;
    with `period=60` totals are their change in the last whole minute, 0 until one has passed since it was first asked.
    """
    latched = choice(request, "period", "", ("60",))
    rows = list(request.process.metrics())
    numbers = flat(request.process.registry, rows)
    if latched:
        numbers |= LATCH.changes(lambda: _totals(request.process))
    if request.flag("filtered"):
        kept = {row.name for row in rows if row.role in _KEY_ROLES or row.name not in BY_NAME}
        numbers = {name: number for name, number in numbers.items() if metric_of(name) in kept}
    if request.query.get("m"):
        numbers = chosen(numbers, request.query["m"])
    if request.flag("pretty"):
        return json_response(dict(sorted(numbers.items())))
    return json_response(numbers, pretty=False)


def _totals(process: Process) -> dict[str, float]:
    rows = {row.name: row for row in process.metrics()}
    numbers = flat(process.registry, rows.values())
    return {name: number for name, number in numbers.items() if only_grows(name, rows)}


def chosen(numbers: Mapping[str, float], patterns: Iterable[str]) -> dict[str, float]:
    """The series that are named, or match a pattern with `*`; in the order of the patterns."""
    found: dict[str, float] = {}
    for pattern in patterns:
        if pattern in numbers:
            found[pattern] = numbers[pattern]
        elif "*" in pattern:
            # `[` and `?` mean nothing special: only `*` does.
            literal = pattern.replace("[", "[[]").replace("?", "[?]")
            found.update((name, number) for name, number in numbers.items() if fnmatchcase(name, literal))
    return found


def only_grows(name: str, rows: Mapping[str, Metric]) -> bool:
    """Whether a series is a total, of which the change a second is what people want to see."""
    row = rows.get(metric_of(name))
    if row is None:
        return name.partition("/")[0].endswith("_total")
    return row.kind is Kind.COUNTER or (row.kind is Kind.HISTOGRAM and name.endswith((COUNT, ".sum")))
