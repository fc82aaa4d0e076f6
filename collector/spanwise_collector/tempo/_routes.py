"""The routes of Tempo's HTTP API (its docs, "Tempo HTTP API"), as far as reading goes."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

import spanwise
from spanwise_collector.api import services
from spanwise_collector.query import BadSearchError, parse_trace_id
from spanwise_collector.tempo._metrics import query_instant, query_range
from spanwise_collector.tempo._search import search as found_by
from spanwise_collector.tempo._tags import tag_names, tag_values
from spanwise_collector.tempo._trace import PROTOBUF, trace_v2, trace_v2_json
from spanwise_collector.traceql import TraceQLError

blueprint = Blueprint("tempo", __name__, url_prefix="/api")

# The release whose API this is; clients switch features on and off by it.
_TEMPO_VERSION = "2.8.0"


@blueprint.app_errorhandler(TraceQLError)
def bad_query(error: TraceQLError) -> ResponseReturnValue:
    return jsonify(error=str(error)), 400


@blueprint.get("/echo")
def echo() -> ResponseReturnValue:
    return Response("echo", mimetype="text/plain")


@blueprint.get("/status/buildinfo")
def build_info() -> ResponseReturnValue:
    return jsonify(
        version=_TEMPO_VERSION,
        revision=f"spanwise {spanwise.__version__}",
        branch="",
        buildUser="",
        buildDate="",
        goVersion="",
    )


# `/api/traces/{trace_id}` is Jaeger's too; its room answers it, in protobuf for those who accept that.
# Times are not looked at: an id needs none, and a trace is not cut at them.
@blueprint.get("/v2/traces/<trace_id>")
def trace_by_id(trace_id: str) -> ResponseReturnValue:
    parsed = parse_trace_id(trace_id)
    if parsed is None:
        raise BadSearchError(f"{trace_id[:100]!r} is not a trace id: up to 32 hexadecimal digits")
    trace = services().traces.trace(parsed)
    if trace is None:
        return jsonify(error=f"there is no trace {parsed}: it was not sent, or it is older than the retention"), 404
    if PROTOBUF in request.headers.get("Accept", ""):
        return Response(trace_v2(trace), content_type=PROTOBUF)
    return jsonify(trace_v2_json(trace))


@blueprint.get("/search")
def search() -> ResponseReturnValue:
    return jsonify(found_by(services().traceql, request.args))


@blueprint.get("/metrics/query_range")
def metrics_range() -> ResponseReturnValue:
    return jsonify(query_range(services().traceql, request.args))


@blueprint.get("/metrics/query")
def metrics_instant() -> ResponseReturnValue:
    return jsonify(query_instant(services().traceql, request.args))


@blueprint.get("/v2/search/tags")
def tags() -> ResponseReturnValue:
    return jsonify(scopes=tag_names(services().traceql, request.args), metrics={})


@blueprint.get("/search/tags")
def tags_v1() -> ResponseReturnValue:
    scopes = tag_names(services().traceql, request.args)
    return jsonify(tagNames=sorted({tag for scope in scopes for tag in scope["tags"]}), metrics={})


@blueprint.get("/v2/search/tag/<path:tag>/values")
def values_of_tag(tag: str) -> ResponseReturnValue:
    return jsonify(tagValues=tag_values(services().traceql, services().catalog, tag, request.args), metrics={})


@blueprint.get("/search/tag/<path:tag>/values")
def values_of_tag_v1(tag: str) -> ResponseReturnValue:
    values = tag_values(services().traceql, services().catalog, tag, request.args)
    return jsonify(tagValues=[value["value"] for value in values], metrics={})
