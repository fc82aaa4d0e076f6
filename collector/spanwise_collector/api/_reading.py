"""Services, operations, search, one trace."""

from __future__ import annotations

from flask import Blueprint, Response

from spanwise_collector.api import _shapes
from spanwise_collector.api._endpoint import endpoint, no_such_trace
from spanwise_collector.api._parameters import (
    END,
    START,
    Given,
    Parameter,
    choice,
    duration,
    filters,
    flag,
    integer,
    text,
)
from spanwise_collector.api._services import services
from spanwise_collector.api._trace_answer import trace_answer
from spanwise_collector.query import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    SORTS,
    BadSearchError,
    Binder,
    Json,
    Search,
    parse_trace_id,
)
from spanwise_collector.query.filter import condition

blueprint = Blueprint("reading", __name__, url_prefix="/api/spanwise")

_MOST_IDS = 100
_SEARCH = (
    text("service", "A trace with a span of this service."),
    text("operation", "A trace with a span of this name; with `service`, of this service."),
    filters(),
    duration("min_duration", "Of the whole trace; included."),
    duration("max_duration", "Of the whole trace; included."),
    flag("error", "Only traces with at least one failed span."),
    START,
    END,
    choice("sort", "What the traces are sorted by.", SORTS),
    choice("order", "Which come first: the newest, longest, largest; or the others.", ("desc", "asc")),
    integer("limit", "The most traces in one answer.", 1, MAX_LIMIT, DEFAULT_LIMIT),
    text("page", "The `next_page` of the answer before, with the same other parameters."),
)


@endpoint(blueprint, "/services", answer=_shapes.Services)
def service_names(given: Given) -> Json:
    """Services with spans in the store, by name."""
    return {"services": services().catalog.services()}


@endpoint(
    blueprint, "/operations", answer=_shapes.Operations, parameters=[text("service", "Of this service; else of all.")]
)
def operations(given: Given) -> Json:
    """Names of spans, with their service and kind."""
    return {"operations": services().catalog.operations(given["service"])}


@endpoint(blueprint, "/traces", answer=_shapes.Traces, parameters=_SEARCH)
def search(given: Given) -> Json:
    """Search for traces, page by page.

    Newest first unless sorted otherwise. With several filters a trace has a span for each of them.
    """
    binder = Binder()
    return services().search.search(
        Search(
            service=given["service"],
            operation=given["operation"],
            min_duration_ns=given["min_duration"],
            max_duration_ns=given["max_duration"],
            only_errors=given["error"],
            start_ns=given["start"],
            end_ns=given["end"],
            limit=given["limit"],
            page=given["page"],
            conditions=tuple(condition(one, binder) for one in given["filter"]),
            parameters=binder.parameters,
            sort=given["sort"],
            ascending=given["order"] == "asc",
        )
    )


def _trace_ids(name: str, given: object) -> list[str]:
    texts = [one for several in list(given) for one in several.split(",")]  # type: ignore[call-overload]
    if len(texts) > _MOST_IDS:
        raise BadSearchError(f"{name} is given {len(texts)} times; at most {_MOST_IDS} are allowed")
    return [parsed_id(one) for one in texts]


@endpoint(
    blueprint,
    "/summaries",
    answer=_shapes.Summaries,
    parameters=[
        Parameter(
            "trace_id",
            f"Which traces, at most {_MOST_IDS}.",
            {"type": "array", "items": {"type": "string"}},
            _trace_ids,
            (),
            repeated=True,
        )
    ],
)
def summaries(given: Given) -> Json:
    """Traces in short, by their ids."""
    return {"traces": services().search.summaries(given["trace_id"])}


@endpoint(
    blueprint,
    "/traces/<trace_id>",
    answer=_shapes.Trace,
    parameters=[flag("analysis", "Whether clock skew and critical path are computed too.", default=True)],
    others={304: "It is what `If-None-Match` says.", 404: "There is no such trace."},
)
def trace(given: Given, trace_id: str) -> Response:
    """All spans of one trace by start time, and what its times mean.

    A 64-bit id is the same id without leading zeros.
    """
    parsed = parsed_id(trace_id)
    found = trace_answer(services().traces, parsed, given)
    if found is None:
        raise no_such_trace(parsed)
    return found


def parsed_id(given: str) -> str:
    """Raises BadSearchError."""
    parsed = parse_trace_id(given)
    if parsed is None:
        raise BadSearchError(f"{given[:100]!r} is not a trace id: up to 32 hexadecimal digits")
    return parsed
