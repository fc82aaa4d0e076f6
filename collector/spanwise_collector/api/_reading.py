"""Services, operations, search, one trace."""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from spanwise.settings import parse_duration
from spanwise_collector.api._services import services
from spanwise_collector.query import DEFAULT_LIMIT, MAX_LIMIT, BadSearchError, Search, parse_trace_id

blueprint = Blueprint("reading", __name__, url_prefix="/api/spanwise")

_PARAMETERS = frozenset(
    {"service", "operation", "min_duration", "max_duration", "error", "start", "end", "limit", "page"}
)
_LONGEST_NS = 2**63 - 1


@blueprint.get("/services")
def service_names() -> ResponseReturnValue:
    return jsonify(services=services().catalog.services())


@blueprint.get("/operations")
def operations() -> ResponseReturnValue:
    return jsonify(operations=services().catalog.operations(request.args.get("service", "")))


@blueprint.get("/traces")
def search() -> ResponseReturnValue:
    return jsonify(services().search.search(_search()))


@blueprint.get("/traces/<trace_id>")
def trace(trace_id: str) -> ResponseReturnValue:
    parsed = parse_trace_id(trace_id)
    if parsed is None:
        raise BadSearchError(f"{trace_id[:100]!r} is not a trace id: up to 32 hexadecimal digits")
    found = services().traces.trace(parsed)
    if found is None:
        return jsonify(error=f"there is no trace {parsed}: it was not sent, or it is older than the retention"), 404
    return jsonify(found)


def _search() -> Search:
    """The search that the query string asks for. Raises BadSearchError."""
    unknown = sorted(set(request.args) - _PARAMETERS)
    if unknown:
        raise BadSearchError(f"{unknown[0]!r} is not a parameter; there are {', '.join(sorted(_PARAMETERS))}")
    return Search(
        service=request.args.get("service", ""),
        operation=request.args.get("operation", ""),
        min_duration_ns=_duration("min_duration"),
        max_duration_ns=_duration("max_duration"),
        only_errors=_only_errors(),
        start_ns=_integer("start", 0, _LONGEST_NS),
        end_ns=_integer("end", 0, _LONGEST_NS),
        limit=_integer("limit", 1, MAX_LIMIT) or DEFAULT_LIMIT,
        page=request.args.get("page", ""),
    )


def _duration(name: str) -> int | None:
    given = request.args.get(name, "")
    if not given:
        return None
    try:
        return int(parse_duration(given) * 1e9)
    except ValueError:
        raise BadSearchError(f"{name}={given[:100]!r} is not a duration such as 250ms, 10s or 5m") from None


def _integer(name: str, low: int, high: int) -> int | None:
    given = request.args.get(name, "")
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 19 or not low <= int(given) <= high:
        raise BadSearchError(f"{name}={given[:100]!r} is not a whole number from {low} to {high}")
    return int(given)


def _only_errors() -> bool:
    given = request.args.get("error", "").lower()
    if given not in ("", "true", "false"):
        raise BadSearchError(f"error={given[:100]!r} is neither true nor false")
    return given == "true"
