"""The catalog of attributes: which there are, of which types, with which values."""

from __future__ import annotations

from flask import Blueprint

from spanwise_collector.api import _shapes
from spanwise_collector.api._endpoint import endpoint
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
from spanwise_collector.api._services import services
from spanwise_collector.query import BadSearchError, Json, Question

blueprint = Blueprint("attributes", __name__, url_prefix="/api/spanwise")

_SCOPES = ("any", "resource", "scope", "span", "event", "link")


@endpoint(
    blueprint,
    "/attributes",
    answer=_shapes.AttributeKeys,
    parameters=[
        choice("scope", "Of this scope; else of all.", _SCOPES),
        text("service", "Only those that this service sent."),
        START,
        END,
        integer("limit", "The most keys of each scope.", 1, 5000, 1000),
    ],
)
def attributes(given: Given) -> Json:
    """The attributes there are, by scope and key, with their types.

    Those of events and links are of the time from `start` to `end` (else the last hour), the others of all days.
    """
    start_ns, end_ns = window(given)
    scopes = _SCOPES[1:] if given["scope"] == "any" else (given["scope"],)
    return {"attributes": services().attributes.keys(scopes, given["service"], start_ns, end_ns, given["limit"])}


@endpoint(
    blueprint,
    "/attributes/values",
    answer=_shapes.AttributeValues,
    parameters=[
        fields("field", "Which field, such as `span.http.route`; required."),
        filters(),
        START,
        END,
        integer("limit", "The most values: the most frequent.", 1, 1000, 50),
        duration("budget", "How long may be counted.", 2 * 10**9),
    ],
)
def values(given: Given) -> Json:
    """The most frequent values of a field, in the newest part of the time that the budget suffices for."""
    if len(given["field"]) != 1:
        raise BadSearchError("field must be given exactly once, such as field=span.http.route")
    start_ns, end_ns = window(given)
    question = Question(start_ns, end_ns, given["filter"], entries_only=False)
    made = services().measures.facets(question, given["field"], given["limit"], given["budget"] / 1e9)
    facet: Json = made["facets"][0]
    return facet
