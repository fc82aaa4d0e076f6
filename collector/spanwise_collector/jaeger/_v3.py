"""The routes of Jaeger's stable HTTP API, v3 (jaeger-idl, api_v3/query_service.proto; trace-summaries since 2.19)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from spanwise_collector.api import services
from spanwise_collector.jaeger._ids import trace_id_of
from spanwise_collector.jaeger._protobuf import PROTOBUF, wants_protobuf
from spanwise_collector.jaeger._v3_request import MAX_BODY_BYTES, argument, body_arguments, search, window_ns
from spanwise_collector.query import BadSearchError, Json, otlp_json, otlp_protobuf
from spanwise_collector.store import NotOpenError, QueryCancelledError, QueryTimeoutError

blueprint = Blueprint("jaeger_v3", __name__, url_prefix="/api/v3")


@blueprint.errorhandler(BadSearchError)
def bad_request(error: BadSearchError) -> ResponseReturnValue:
    return _failure(400, str(error))


@blueprint.errorhandler(QueryTimeoutError)
@blueprint.errorhandler(QueryCancelledError)
@blueprint.errorhandler(NotOpenError)
def unavailable(error: Exception) -> ResponseReturnValue:
    return *_failure(503, str(error)), {"Retry-After": "1"}


@blueprint.get("/services")
def service_names() -> ResponseReturnValue:
    return jsonify(services=[service["name"] for service in services().catalog.services()])


@blueprint.get("/operations")
def operations() -> ResponseReturnValue:
    service, kind = request.args.get("service", ""), argument(request.args, "spanKind").lower()
    if not service:
        raise BadSearchError("service is missing: one out of /api/v3/services")
    rows = services().catalog.operations(service)
    return jsonify(
        operations=[{"name": row["name"], "spanKind": row["kind"]} for row in rows if kind in ("", row["kind"])]
    )


@blueprint.route("/traces", methods=["GET", "POST"])
def traces() -> ResponseReturnValue:
    found = services().search.search(search(_arguments()))["traces"]
    return _traces(services().traces.traces([trace["trace_id"] for trace in found]))


# An id in base64 may have slashes. Times are not needed to find an id, so they are not looked at.
@blueprint.get("/traces/<path:trace_id>")
def trace(trace_id: str) -> ResponseReturnValue:
    found = services().traces.trace(trace_id_of(trace_id))
    return _traces([found] if found else [])


@blueprint.route("/trace-summaries", methods=["GET", "POST"])
def trace_summaries() -> ResponseReturnValue:
    found = services().search.search(search(_arguments()))
    orphans = services().traces.orphan_counts([trace["trace_id"] for trace in found["traces"]])
    summaries = [_summary(trace, orphans.get(trace["trace_id"], 0)) for trace in found["traces"]]
    return jsonify({"summaries": summaries} | ({"nextPageToken": page} if (page := found["next_page"]) else {}))


@blueprint.get("/dependencies")
def dependencies() -> ResponseReturnValue:
    links = services().catalog.dependencies(*window_ns(request.args))
    return jsonify(
        dependencies=[
            {"parent": caller, "child": callee, "callCount": str(calls)} for caller, callee, calls, _ in links
        ]
    )


def _arguments() -> Any:
    return body_arguments(request.stream.read(MAX_BODY_BYTES + 1)) if request.method == "POST" else request.args


def _traces(found: list[Json]) -> ResponseReturnValue:
    if not found:
        return _failure(404, "No traces found")
    if wants_protobuf():
        return Response(otlp_protobuf(found).SerializeToString(), content_type=PROTOBUF)
    result = otlp_json(found)
    return jsonify(result=_with_text_values(result) if _decodes_only_texts() else result)


def _decodes_only_texts() -> bool:
    """Grafana's jaeger plugin types `boolValue` and `doubleValue` as texts and fails at published JSON."""
    return "Grafana" in request.headers.get("User-Agent", "") or request.args.get("strings") == "1"


def _with_text_values(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_text_values(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: _as_text(value) if key in ("boolValue", "doubleValue") else _with_text_values(value)
            for key, value in node.items()}  # fmt: skip


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _summary(trace: Json, orphans: int) -> Json:
    start_ns = int(trace["start_unix_nano"])
    return {
        "traceId": trace["trace_id"],
        "rootServiceName": trace["root_service"],
        "rootOperationName": trace["root_name"],
        "minStartTimeUnixNano": str(start_ns),
        "maxEndTimeUnixNano": str(start_ns + trace["duration_ns"]),
        "spanCount": trace["span_count"],
        "errorSpanCount": trace["error_count"],
        "orphanSpanCount": orphans,
        "services": [
            {"name": one["name"], "spanCount": one["span_count"], "errorSpanCount": one["error_count"]}
            for one in sorted(trace["services"], key=lambda one: str(one["name"]))
        ],
    }


def _failure(status: int, message: str) -> tuple[Response, int]:
    return jsonify(error={"httpCode": status, "message": message}), status
