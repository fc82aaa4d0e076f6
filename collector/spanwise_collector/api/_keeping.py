"""What is done with traces: deleted, pinned, exported. All but the list of pins need the write token."""

from __future__ import annotations

from itertools import chain

from flask import Blueprint, Response

from spanwise_collector.api import _shapes
from spanwise_collector.api._endpoint import NotFoundError, endpoint, no_such_trace
from spanwise_collector.api._parameters import END, START, Given, text, window
from spanwise_collector.api._reading import parsed_id
from spanwise_collector.api._services import services
from spanwise_collector.query import BadSearchError, Json

blueprint = Blueprint("keeping", __name__, url_prefix="/api/spanwise")

_NO_TRACE = {404: "There is no such trace."}


@endpoint(blueprint, "/traces/<trace_id>", methods=["DELETE"], answer=_shapes.Kept, others=_NO_TRACE)
def delete(given: Given, trace_id: str) -> Json:
    """Delete a trace: its spans, its summary and its pin. Rates and dependencies keep counting it."""
    parsed = parsed_id(trace_id)
    return _kept(parsed, services().keeping.delete(parsed))


@endpoint(
    blueprint,
    "/traces/<trace_id>/pin",
    methods=["PUT", "POST"],
    answer=_shapes.Kept,
    parameters=[text("note", "Why it is kept; at most 1,000 characters.")],
    others=_NO_TRACE | {409: "There is no room for another pin; the setting is named."},
)
def pin(given: Given, trace_id: str) -> Json:
    """Keep a trace beyond its age and the store's size, until it is unpinned or deleted.

    Pinning it again adds the spans that came meanwhile.
    """
    parsed = parsed_id(trace_id)
    try:
        return _kept(parsed, services().keeping.pin(parsed, given["note"]))
    except ValueError as error:
        raise BadSearchError(str(error)) from None


@endpoint(
    blueprint,
    "/traces/<trace_id>/pin",
    methods=["DELETE"],
    answer=_shapes.Kept,
    others={404: "The trace is not pinned."},
)
def unpin(given: Given, trace_id: str) -> Json:
    """Let a trace age again."""
    parsed = parsed_id(trace_id)
    span_count = services().keeping.unpin(parsed)
    if not span_count:
        raise NotFoundError(f"the trace {parsed} is not pinned")
    return _kept(parsed, span_count)


@endpoint(blueprint, "/pins", answer=_shapes.Pins)
def pins(given: Given) -> Json:
    """The pinned traces, newest pin first."""
    return {"pins": services().catalog.pins()}


@endpoint(
    blueprint,
    "/export",
    methods=["POST"],
    answer="application/x-protobuf",
    parameters=[START, END],
)
def export(given: Given) -> Response:
    """All spans that start in a time, as OTLP.

    Requests of OTLP in protobuf one after the other, which is itself one valid request; `POST /v1/traces` and
    `spanwise collector import` take it.
    """
    start_ns, end_ns = window(given)
    requests = services().keeping.export(start_ns, end_ns + 1)
    first = next(requests, b"")  # so that a store that is away is an error, not half an answer
    return Response(chain((first,), requests), mimetype="application/x-protobuf")


def _kept(trace_id: str, span_count: int) -> Json:
    if not span_count:
        raise no_such_trace(trace_id)
    return {"trace_id": trace_id, "span_count": span_count}
