"""The parameters of Zipkin's search (`GET /api/v2/traces`) as a search of ours."""

from __future__ import annotations

import time
from collections.abc import Mapping

from spanwise_collector.query import (
    MAX_LIMIT,
    BadSearchError,
    Binder,
    Catalog,
    Condition,
    Search,
    every,
    integer,
    some,
    tag_is,
    unix_ns,
)
from spanwise_collector.query.filter import Attribute, Comparison, Intrinsic, Operator, Scope, condition

DEFAULT_LIMIT = 10
DEFAULT_LOOKBACK_MS = 86_400_000
_LONGEST_NS = 2**63 - 1
# Each is looked for in spans and resources, which costs the engine some ms to plan, again for each window of time.
_MOST_ANNOTATIONS = 20
# Tags that our answers have and that were never sent as attributes.
_STATUS_CODE, _SCOPE_NAME = "otel.status_code", "otel.scope.name"
_STATUSES = {"OK": "ok", "ERROR": "error"}


def window_ns(arguments: Mapping[str, str], lookback_ms: int = DEFAULT_LOOKBACK_MS) -> tuple[int, int]:
    """`(from, to)` of endTs and lookback, which are milliseconds. Raises BadSearchError."""
    end = unix_ns("endTs", arguments.get("endTs", ""), time.time_ns())
    lookback = integer("lookback", arguments.get("lookback", ""), lookback_ms)
    return max(end - lookback * 10**6, 0), end


def search(arguments: Mapping[str, str], catalog: Catalog) -> Search | None:
    """None when nothing can fit. Raises BadSearchError.

    Each condition may be met by another span of the trace, but all by spans of the service, as Zipkin does it.
    """
    binder = Binder()
    service: list[Condition] = []
    if given := arguments.get("serviceName", ""):
        names = catalog.services_like(given)
        if not names:
            return None
        service = [binder.piece("service_in", cheap=True, services=binder.bind(names, "Array(String)"))]
    wanted = list(_wanted(arguments, binder))
    start, end = window_ns(arguments)
    return Search(
        start_ns=start,
        end_ns=end,
        limit=min(max(integer("limit", arguments.get("limit", ""), DEFAULT_LIMIT), 1), MAX_LIMIT),
        conditions=tuple(every([*service, one]) for one in wanted) or tuple(service),
        parameters=binder.parameters,
    )


def _wanted(arguments: Mapping[str, str], binder: Binder) -> list[Condition]:
    wanted = []
    if (name := arguments.get("spanName", "")) and name != "all":
        wanted.append(binder.piece("name_like", cheap=True, name=binder.bind(name, "String")))
    if peer := arguments.get("remoteServiceName", ""):
        wanted.append(tag_is(binder, "peer.service", peer))
    parts = [part.strip() for part in arguments.get("annotationQuery", "").split(" and ") if part.strip()]
    if len(parts) > _MOST_ANNOTATIONS:
        raise BadSearchError(f"annotationQuery has {len(parts)} parts; at most {_MOST_ANNOTATIONS} are allowed")
    wanted += [_annotation(binder, part) for part in parts]
    if arguments.get("minDuration"):
        least = integer("minDuration", arguments["minDuration"], 0) * 1000
        most = integer("maxDuration", arguments.get("maxDuration", ""), 0) * 1000
        wanted.append(
            binder.piece(
                "lasted", cheap=True, least=binder.bind(least, "Int64"), most=binder.bind(most or _LONGEST_NS, "Int64")
            )
        )
    return wanted


def _annotation(binder: Binder, part: str) -> Condition:
    """`key=value` is a tag; a bare word is an annotation or the key of a tag, and `error` also a failed span."""
    key, equals, value = part.partition("=")
    if equals:
        return _tag(binder, key.strip(), value.strip())
    if key == "error":
        return binder.piece("has_error")
    made = {_STATUS_CODE: Intrinsic.STATUS, _SCOPE_NAME: Intrinsic.SCOPE_NAME}.get(key)
    return some(
        [
            binder.piece("has_attribute", whole=True, key=binder.bind(key, "String")),
            condition(Comparison(Attribute(Scope.RESOURCE, key), Operator.EXISTS, None), binder),
            *([condition(Comparison(made, Operator.EXISTS, None), binder)] if made is not None else []),
        ]
    )


def _tag(binder: Binder, key: str, value: str) -> Condition:
    """Of the span or of its resource, whose attributes are shown as tags of each span."""
    bound_key, bound_value = binder.bind(key, "String"), binder.bind(value, "String")
    of_resource = binder.piece("resource_is", cheap=True, key=bound_key, value=bound_value)
    sent = some((tag_is(binder, key, value), of_resource))
    if key == _STATUS_CODE and value in _STATUSES:
        return some([sent, condition(Comparison(Intrinsic.STATUS, Operator.EQUAL, _STATUSES[value]), binder)])
    if key == _SCOPE_NAME and value:
        return some([sent, condition(Comparison(Intrinsic.SCOPE_NAME, Operator.EQUAL, value), binder)])
    return sent
