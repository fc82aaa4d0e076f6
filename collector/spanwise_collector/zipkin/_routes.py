"""The routes of Zipkin's API v2 that read (zipkin2-api.yaml; `remoteServices` is in its server alone)."""

from __future__ import annotations

import time

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from spanwise_collector.api import services
from spanwise_collector.query import BadSearchError, parse_trace_id
from spanwise_collector.zipkin._request import search, window_ns
from spanwise_collector.zipkin._span import with_root, zipkin_spans

blueprint = Blueprint("zipkin", __name__, url_prefix="/api/v2")

# With fewer services a list is not cached, so that whoever has just started one sees it (as Zipkin's server does).
_CACHED_FROM = 4
_MAX_IDS = 100
_DAY_NS = 86_400 * 10**9


@blueprint.get("/services")
def service_names() -> ResponseReturnValue:
    names = [service["name"] for service in services().catalog.services()]
    response: Response = jsonify(names)
    if len(names) >= _CACHED_FROM:
        response.headers["Cache-Control"] = "max-age=300, must-revalidate"
    return response


@blueprint.get("/spans")
def span_names() -> ResponseReturnValue:
    return jsonify(sorted({row["name"] for name in _service_names() for row in services().catalog.operations(name)}))


@blueprint.get("/remoteServices")
def remote_services() -> ResponseReturnValue:
    return jsonify(services().catalog.remote_services(_service_names()))


@blueprint.get("/traces")
def traces() -> ResponseReturnValue:
    wanted = search(request.args, services().catalog)
    if wanted is None:
        return jsonify([])
    found = services().search.search(wanted)["traces"]
    read = services().traces.traces([trace["trace_id"] for trace in found])
    return jsonify([with_root(zipkin_spans(trace["spans"])) for trace in read])


@blueprint.get("/trace/<trace_id>")
def trace(trace_id: str) -> ResponseReturnValue:
    found = services().traces.trace(_id(trace_id))
    if found is None:
        return Response(f"{trace_id} not found", 404, mimetype="text/plain")
    return jsonify(zipkin_spans(found["spans"]))


@blueprint.get("/traceMany")
def trace_many() -> ResponseReturnValue:
    given = [part.strip() for part in request.args.get("traceIds", "").split(",") if part.strip()]
    ids = list(dict.fromkeys(_id(part) for part in given))
    if not 2 <= len(ids) <= _MAX_IDS or len(ids) != len(given):
        raise BadSearchError(f"traceIds must be 2 to {_MAX_IDS} different trace ids with commas between them")
    return jsonify([zipkin_spans(trace["spans"]) for trace in services().traces.traces(ids)])


@blueprint.get("/dependencies")
def dependencies() -> ResponseReturnValue:
    if not request.args.get("endTs"):
        raise BadSearchError("endTs is missing: the end of the window, in milliseconds since 1970")
    links = services().catalog.dependencies(*window_ns(request.args))
    return jsonify(
        [
            {"parent": parent, "child": child, "callCount": calls} | ({"errorCount": errors} if errors else {})
            for parent, child, calls, errors in links
        ]
    )


@blueprint.get("/autocompleteKeys")
def autocomplete_keys() -> ResponseReturnValue:
    return jsonify(services().catalog.attribute_names())


@blueprint.get("/autocompleteValues")
def autocomplete_values() -> ResponseReturnValue:
    key = request.args.get("key", "")
    if not key:
        raise BadSearchError("key is missing: a tag out of /api/v2/autocompleteKeys")
    now = time.time_ns()
    return jsonify([value for _, value in services().catalog.attribute_values(key, now - _DAY_NS, now + _DAY_NS)])


def _service_names() -> list[str]:
    given = request.args.get("serviceName", "")
    if not given:
        raise BadSearchError("serviceName is missing: one out of /api/v2/services")
    return services().catalog.services_like(given)


def _id(given: str) -> str:
    parsed = parse_trace_id(given)
    if parsed is None:
        raise BadSearchError(f"{given[:100]!r} is not a trace id: up to 32 hexadecimal digits")
    return parsed
