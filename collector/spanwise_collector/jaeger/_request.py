"""The parameters of Jaeger's search (`GET /api/traces`) as a search of ours."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping

from werkzeug.datastructures import MultiDict

from spanwise_collector.query import (
    MAX_LIMIT,
    BadSearchError,
    Binder,
    Condition,
    Search,
    every,
    integer,
    some,
    tag_is,
    unix_ns,
)
from spanwise_collector.query.filter import Comparison, Intrinsic, Operator, condition

DEFAULT_LIMIT = 100
_LOOKBACK_NS = 2 * 86_400 * 10**9
_LONGEST_NS = 2**63 - 1
# Each is looked for in spans and resources, which costs the engine some ms to plan, again for each window of time.
_MOST_TAGS = 20
_PART = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h)")
# Tags that our answers have and that were never sent as attributes: a click on one must find its span.
_MADE = {
    "otel.status_description": Intrinsic.STATUS_MESSAGE,
    "otel.scope.name": Intrinsic.SCOPE_NAME,
    "otel.scope.version": Intrinsic.SCOPE_VERSION,
    "w3c.tracestate": Intrinsic.TRACE_STATE,
}
_STATUSES = {"OK": "ok", "ERROR": "error"}
_KINDS = frozenset({"server", "client", "producer", "consumer"})
_UNIT_NS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def search(arguments: MultiDict[str, str]) -> Search:
    """Raises BadSearchError."""
    end = unix_ns("end", arguments.get("end", ""), time.time_ns())
    return span_search(
        service=arguments.get("service", ""),
        operation=arguments.get("operation", ""),
        tags=_tags(arguments),
        least_ns=duration_ns("minDuration", arguments.get("minDuration", "")),
        most_ns=duration_ns("maxDuration", arguments.get("maxDuration", "")),
        start_ns=unix_ns("start", arguments.get("start", ""), max(end - _LOOKBACK_NS, 0)),
        end_ns=end,
        limit=integer("limit", arguments.get("limit", ""), DEFAULT_LIMIT),
    )


def span_search(
    *,
    service: str,
    operation: str,
    tags: Mapping[str, str],
    least_ns: int | None,
    most_ns: int | None,
    start_ns: int,
    end_ns: int,
    limit: int,
    page: str = "",
) -> Search:
    """All conditions must be met by one span, as in Jaeger; "" and None mean any. The limit is brought into bounds.

    Raises BadSearchError for too many tags.
    """
    if len(tags) > _MOST_TAGS:
        raise BadSearchError(f"tags: {len(tags)} are given; at most {_MOST_TAGS} are allowed")
    binder = Binder()
    conditions: list[Condition] = []
    if service:
        conditions.append(binder.piece("service_in", cheap=True, services=binder.bind([service], "Array(String)")))
    if operation:
        conditions.append(binder.piece("name_is", cheap=True, name=binder.bind(operation, "String")))
    conditions += [_tag(binder, key, value) for key, value in tags.items()]
    if least_ns is not None or most_ns is not None:
        upper = _LONGEST_NS if most_ns is None else most_ns
        conditions.append(
            binder.piece(
                "lasted", cheap=True, least=binder.bind(least_ns or 0, "Int64"), most=binder.bind(upper, "Int64")
            )
        )
    return Search(
        start_ns=start_ns,
        end_ns=end_ns,
        limit=min(max(limit, 1), MAX_LIMIT),
        page=page,
        conditions=(every(conditions),) if conditions else (),
        parameters=binder.parameters,
    )


def text_map(name: str, given: str) -> dict[str, str]:
    """A JSON object of texts; values of other types are taken as their JSON. Raises BadSearchError."""
    try:
        parsed = json.loads(given)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise BadSearchError(f'{name}={given[:100]!r} is not a JSON object such as {{"http.method": "GET"}}')
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in parsed.items()}


def duration_ns(name: str, given: str) -> int | None:
    """A duration as Go writes it, such as `1.2s` or `1m30s`; None where nothing was given. Raises BadSearchError."""
    if not given:
        return None
    parts = list(_PART.finditer(given))
    if "".join(part.group() for part in parts) != given:
        raise BadSearchError(f"{name}={given[:100]!r} is not a duration such as 250ms, 1.2s or 1m30s")
    total = sum(float(part.group(1)) * _UNIT_NS[part.group(2)] for part in parts)
    if total >= _LONGEST_NS:
        raise BadSearchError(f"{name}={given[:100]!r} is longer than 292 years")
    return round(total)


def _tags(arguments: MultiDict[str, str]) -> dict[str, str]:
    """Those of `tags={"key": "value"}` and of each `tag=key:value`."""
    tags: dict[str, str] = {}
    for given in arguments.getlist("tag"):
        key, colon, value = given.partition(":")
        if not colon:
            raise BadSearchError(f"tag={given[:100]!r} is not of the form key:value")
        tags[key] = value
    for given in arguments.getlist("tags"):
        tags |= text_map("tags", given)
    return tags


def _tag(binder: Binder, key: str, value: str) -> Condition:
    if key == "error" and value == "true":
        return binder.piece("has_error")
    bound_key, bound_value = binder.bind(key, "String"), binder.bind(value, "String")
    places = (tag_is(binder, key, value), binder.piece("resource_is", cheap=True, key=bound_key, value=bound_value))
    return some([*places, *(condition(one, binder) for one in _made(key, value))])


def _made(key: str, value: str) -> Iterator[Comparison]:
    """The field that a tag was made of, if it was."""
    if key == "span.kind" and value in _KINDS:
        yield Comparison(Intrinsic.KIND, Operator.EQUAL, value)
    elif key == "otel.status_code" and value in _STATUSES:
        yield Comparison(Intrinsic.STATUS, Operator.EQUAL, _STATUSES[value])
    elif key in _MADE and value:
        yield Comparison(_MADE[key], Operator.EQUAL, value)
