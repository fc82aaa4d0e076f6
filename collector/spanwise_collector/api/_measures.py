"""What spans add up to: rates, heatmaps, facets, and who calls whom."""

from __future__ import annotations

from flask import Blueprint, Response

from spanwise_collector.api import _shapes
from spanwise_collector.api._endpoint import endpoint, json_of, json_response, queries
from spanwise_collector.api._parameters import (
    END,
    START,
    Given,
    choice,
    duration,
    fields,
    filters,
    integer,
    text,
    window,
)
from spanwise_collector.api._quantiles import quantiles
from spanwise_collector.api._services import services
from spanwise_collector.query import Json, Question
from spanwise_collector.query.filter import Comparison, Filter, Intrinsic, Operator, parse_field

blueprint = Blueprint("measures", __name__, url_prefix="/api/spanwise")

_OF_SPANS = (
    text("service", "Only spans of this service."),
    text("operation", "Only spans of this name."),
    filters(),
    START,
    END,
)
_WHICH_HELP = "All, or (`entry`) those that began a service's work: of kind server or consumer."
_WHICH = choice("spans", _WHICH_HELP, ("entry", "all"))
_WHICH_OF_FACETS = choice("spans", _WHICH_HELP, ("all", "entry"))
_STEP = duration("step", "The length of one step, in whole seconds; else one that fits is chosen.", 0, 10**9)
_BUDGET_NS = 2 * 10**9


@endpoint(
    blueprint,
    "/red",
    answer=_shapes.Red,
    parameters=[
        fields("by", "A series for each value of these fields, such as `service` or `span.http.route`."),
        *_OF_SPANS,
        _WHICH,
        _STEP,
        quantiles(),
        integer("limit", "The most series: those with the most calls.", 1, 200, 20),
    ],
)
def red(given: Given) -> Response:
    """Rate, errors and durations over time, weighted by adjusted counts.

    Until now and of an hour, unless `start` and `end` say otherwise; whole steps are counted. Durations are read off a
    histogram whose buckets grow by 19 %.
    """
    found = services().measures.red(_question(given), given["by"], given["step"], given["limit"], given["quantiles"])
    series = [
        b'%s,"points":%s}' % (json_of({"group": one["group"], "calls": one["calls"]})[:-1], one["points"])
        for one in found.pop("series")
    ]
    rest = json_of({**found, "queries": queries(given)})
    return json_response(b'{"series":[%s],%s\n' % (b",".join(series), rest[1:]))


@endpoint(blueprint, "/heatmap", answer=_shapes.Heatmap, parameters=[*_OF_SPANS, _WHICH, _STEP])
def heatmap(given: Given) -> Json:
    """How many calls took how long, over time, weighted by adjusted counts.

    Until now and of an hour, unless `start` and `end` say otherwise. Cells without calls are left out.
    """
    return services().measures.heatmap(_question(given), given["step"])


@endpoint(
    blueprint,
    "/facets",
    answer=_shapes.Facets,
    parameters=[
        fields(
            "by",
            "A facet for each of these fields.",
            [Intrinsic.SERVICE, parse_field("span.http.route"), Intrinsic.STATUS],
        ),
        *_OF_SPANS,
        _WHICH_OF_FACETS,
        integer("limit", "The most values of a facet: the most frequent.", 1, 100, 10),
        duration("budget", "How long may be counted, for all facets together.", _BUDGET_NS),
    ],
)
def facets(given: Given) -> Json:
    """How many spans have which values of some fields, in the newest part of the time that the budget suffices for."""
    budget_s = given["budget"] / 1e9
    return services().measures.facets(_question(given), given["by"], given["limit"], budget_s)


@endpoint(blueprint, "/dependencies", answer=_shapes.Dependencies, parameters=[START, END])
def dependencies(given: Given) -> Json:
    """Which service called which, how often and how often in vain, in the minutes of a time."""
    found = services().catalog.dependencies(*window(given))
    return {
        "dependencies": [
            {"caller": caller, "callee": callee, "calls": calls, "errors": errors}
            for caller, callee, calls, errors in found
        ]
    }


def _question(given: Given) -> Question:
    start_ns, end_ns = window(given)
    chosen: list[Filter] = [
        Comparison(field, Operator.EQUAL, given[name])
        for name, field in (("service", Intrinsic.SERVICE), ("operation", Intrinsic.NAME))
        if given[name]
    ]
    return Question(start_ns, end_ns, (*chosen, *given["filter"]), entries_only=given["spans"] == "entry")
