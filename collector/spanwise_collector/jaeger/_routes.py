"""The routes of Jaeger's JSON API (`/api/*` of its query service up to 2.20, which Grafana still asks)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from spanwise_collector.api import services
from spanwise_collector.jaeger._envelope import bad_request, envelope, failure
from spanwise_collector.jaeger._ids import trace_id_of
from spanwise_collector.jaeger._protobuf import PROTOBUF, wants_protobuf
from spanwise_collector.jaeger._request import search
from spanwise_collector.jaeger._trace import jaeger_trace
from spanwise_collector.query import BadSearchError, integer, otlp_protobuf, unix_ns

blueprint = Blueprint("jaeger", __name__, url_prefix="/api")
sampling_blueprint = Blueprint("jaeger_sampling", __name__)

_DAY_MS = 86_400_000
_MAX_IDS = 100


for _each in (blueprint, sampling_blueprint):
    _each.register_error_handler(BadSearchError, bad_request)


@blueprint.get("/services")
def service_names() -> ResponseReturnValue:
    return _list([service["name"] for service in services().catalog.services()])


@blueprint.get("/services/<path:service>/operations")
def operation_names(service: str) -> ResponseReturnValue:
    return _list(sorted({row["name"] for row in services().catalog.operations(service)}))


@blueprint.get("/operations")
def operations() -> ResponseReturnValue:
    service, kind = request.args.get("service", ""), request.args.get("spanKind", "")
    if not service:
        raise BadSearchError("service is missing: one out of /api/services")
    rows = services().catalog.operations(service)
    return _list([{"name": row["name"], "spanKind": row["kind"]} for row in rows if kind in ("", row["kind"])])


@blueprint.get("/traces")
def traces() -> ResponseReturnValue:
    given = request.args.getlist("traceID")
    if given:
        ids = list(dict.fromkeys(trace_id_of(one) for one in given[:_MAX_IDS]))
        return _list([jaeger_trace(trace) for trace in services().traces.traces(ids)])
    ids = [trace["trace_id"] for trace in services().search.search(search(request.args))["traces"]]
    read = services().traces.first_spans if _wants_a_list() else services().traces.traces
    return _list([jaeger_trace(trace) for trace in read(ids)])


# Times are not looked at: Grafana sends them in another unit than Jaeger reads, and an id needs none.
@blueprint.get("/traces/<path:trace_id>")
def trace(trace_id: str) -> ResponseReturnValue:
    found = services().traces.trace(trace_id_of(trace_id))
    if found and wants_protobuf():
        return Response(otlp_protobuf([found]).SerializeToString(), content_type=PROTOBUF)
    return _list([jaeger_trace(found)]) if found else failure(404, "trace not found", trace_id[:100])


@blueprint.get("/dependencies")
def dependencies() -> ResponseReturnValue:
    if not request.args.get("endTs"):
        raise BadSearchError("endTs is missing: the end of the window, in milliseconds since 1970")
    end = unix_ns("endTs", request.args["endTs"], 0)
    lookback = integer("lookback", request.args.get("lookback", ""), _DAY_MS)
    links = services().catalog.dependencies(max(end - lookback * 10**6, 0), end)
    return _list([{"parent": caller, "child": callee, "callCount": calls} for caller, callee, calls, _ in links])


@sampling_blueprint.get("/api/sampling")
@sampling_blueprint.get("/sampling")
def sampling() -> ResponseReturnValue:
    """For OpenTelemetry's and Jaeger's remote samplers; by route is what only our own policy can say.

    The second path is where Jaeger's agent and its collector since version 2 have it.
    """
    given = request.args.getlist("service")
    if len(given) != 1:
        raise BadSearchError("service must be given exactly once")
    rate = services().sampling.policy(given[0])["rate"]
    if rate is None:
        return failure(404, "no rate is set for this service (SPANWISE_COLLECTOR_SAMPLING_RATE): keep your own")
    return jsonify(strategyType="PROBABILISTIC", probabilisticSampling={"samplingRate": rate})


def _list(data: list[Any]) -> ResponseReturnValue:
    return envelope(data, len(data))


def _wants_a_list() -> bool:
    """Grafana's table of traces shows the earliest span of each, so reading all the others would be for nothing."""
    return request.args.get("summary") == "1" or "Grafana" in request.headers.get("User-Agent", "")
