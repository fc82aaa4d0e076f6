"""The parameters of Jaeger's API v3 as searches and windows of ours.

Names are those of jaeger-idl's api_v3/query_service.proto, in camelCase or in the older snake_case, in the query string
(`query.serviceName`) or in a JSON body (`{"query": {"serviceName": ...}}`). Times are RFC 3339, durations are Go's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from spanwise_collector.jaeger._request import DEFAULT_LIMIT, duration_ns, span_search, text_map
from spanwise_collector.query import BadSearchError, Search, integer

MAX_BODY_BYTES = 64 * 1024
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+ -]\d\d:\d\d)")
_UPPER = re.compile(r"[A-Z]")
# Jaeger refuses it too, unless an experimental feature is turned on; it must never be ignored.
_REFUSED = "query.filter is not taken here: use query.attributes, or /api/spanwise/traces for more"


def body_arguments(body: bytes) -> dict[str, str]:
    """The arguments of a POST, as if they had come in the query string. Raises BadSearchError."""
    if len(body) > MAX_BODY_BYTES:
        raise BadSearchError(f"the body may have {MAX_BODY_BYTES} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise BadSearchError("the body is not JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("query"), dict):
        raise BadSearchError('the body must be an object such as {"query": {"startTimeMin": "2026-01-02T15:04:05Z"}}')
    return dict(_flat("query", document["query"]))


def _flat(prefix: str, members: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in members.items():
        if name == "pagination" and isinstance(value, dict):
            yield from _flat(f"{prefix}.{name}", value)
        elif value is not None:
            yield f"{prefix}.{name}", value if isinstance(value, str) else json.dumps(value)


def search(arguments: Mapping[str, str]) -> Search:
    """Raises BadSearchError."""
    if argument(arguments, "query.filter"):
        raise BadSearchError(_REFUSED)
    start_ns, end_ns = _window(arguments, "query.startTimeMin", "query.startTimeMax")
    attributes = argument(arguments, "query.attributes")
    limits = (
        (name, argument(arguments, name))
        for name in ("query.pagination.pageSize", "query.searchDepth", "query.numTraces")
    )
    name, limit = next((given for given in limits if given[1]), ("query.searchDepth", ""))
    return span_search(
        service=argument(arguments, "query.serviceName"),
        operation=argument(arguments, "query.operationName"),
        tags=text_map("query.attributes", attributes) if attributes else {},
        least_ns=duration_ns("query.durationMin", argument(arguments, "query.durationMin")),
        most_ns=duration_ns("query.durationMax", argument(arguments, "query.durationMax")),
        start_ns=start_ns,
        end_ns=end_ns - 1,  # the end is not part of the window
        limit=integer(name, limit, DEFAULT_LIMIT) or DEFAULT_LIMIT,
        page=argument(arguments, "query.pagination.pageToken"),
    )


def window_ns(arguments: Mapping[str, str]) -> tuple[int, int]:
    """`(from, to)` of `startTime` and `endTime`, both required. Raises BadSearchError."""
    return _window(arguments, "startTime", "endTime")


def argument(arguments: Mapping[str, str], name: str) -> str:
    """The argument, or its older name in snake_case; "" where there is neither."""
    return arguments.get(name) or arguments.get(_UPPER.sub(lambda found: f"_{found[0].lower()}", name), "")


def _window(arguments: Mapping[str, str], start: str, end: str) -> tuple[int, int]:
    start_ns, end_ns = (_time_ns(name, argument(arguments, name)) for name in (start, end))
    if end_ns <= start_ns:
        raise BadSearchError(f"{end} is not after {start}")
    return start_ns, end_ns


def _time_ns(name: str, given: str) -> int:
    """Nanoseconds since 1970 of RFC 3339, to the nanosecond. A `+` that came as a space is taken for what it was."""
    if not given:
        raise BadSearchError(f"{name} is missing: a time such as 2026-01-02T15:04:05.123Z")
    match = _TIME.fullmatch(given)
    try:
        if match is None:
            raise ValueError
        zone = match[3].replace(" ", "+").replace("Z", "+00:00")
        whole = datetime.fromisoformat(f"{match[1]}{zone}").astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise BadSearchError(f"{name}={given[:100]!r} is not a time such as 2026-01-02T15:04:05.123Z") from None
    return max(int(whole.timestamp()) * 10**9 + int((match[2] or "0").ljust(9, "0")), 0)
