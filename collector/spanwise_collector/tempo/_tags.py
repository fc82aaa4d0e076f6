"""Names and values of tags, for completion and variables: `GET /api/v2/search/tags`, `./tag/{tag}/values`."""

from __future__ import annotations

import time
from collections.abc import Mapping

from spanwise_collector.query import BadSearchError, Catalog, Json, integer
from spanwise_collector.tempo._time import window_ns
from spanwise_collector.tempo._values import duration_text
from spanwise_collector.traceql import Shown, TraceQL, field_of_tag, filter_so_far

MAX_LIMIT = 5000
_DAY_NS = 86_400 * 10**9
_HOUR_NS = 3600 * 10**9
INTRINSICS = (
    "duration", "kind", "name", "rootName", "rootServiceName", "status", "statusMessage", "traceDuration",
    "span:childCount", "span:duration", "span:id", "span:kind", "span:multiplier", "span:name", "span:parentID",
    "span:status", "span:statusMessage", "trace:duration", "trace:id", "trace:rootName", "trace:rootService",
    "event:name", "event:timeSinceStart", "link:spanID", "link:traceID", "instrumentation:name",
    "instrumentation:version",
)  # fmt: skip
_SCOPES = ("resource", "span", "event", "link", "instrumentation", "intrinsic")
_KEYWORDS = {
    "status": ("error", "ok", "unset"),
    "kind": ("unspecified", "internal", "server", "client", "producer", "consumer"),
}
# Of these each span has another one.
_UNLISTED = frozenset(
    {"duration", "traceDuration", "spanID", "traceID", "parentID", "linkSpanID", "linkTraceID", "eventTimeSinceStart"}
)
_TYPES = {"string": "string", "int": "int", "double": "float", "bool": "bool", "duration": "duration"}


def tag_names(traceql: TraceQL, arguments: Mapping[str, str]) -> list[Json]:
    """`[{"name": scope, "tags": [...]}]`. Raises BadSearchError."""
    wanted = arguments.get("scope", "")
    if wanted not in ("", "none", *_SCOPES):
        raise BadSearchError(f"scope={wanted[:100]!r} is not one of {', '.join(_SCOPES)}")
    limit = _limit(arguments)
    scopes: dict[str, list[str]] = {}
    if wanted != "intrinsic":
        start, end = _window(arguments, _DAY_NS)
        scopes |= traceql.tag_names(filter_so_far(arguments.get("q", "")), start, end)
    scopes["intrinsic"] = list(INTRINSICS)
    return [
        {"name": scope, "tags": tags[:limit]}
        for scope, tags in scopes.items()
        if wanted in ("", "none", scope) and tags
    ]


def tag_values(traceql: TraceQL, catalog: Catalog, tag: str, arguments: Mapping[str, str]) -> list[Json]:
    """`[{"type", "value"}]`, most frequent first. A query that is not complete filters by what is there of it."""
    field = field_of_tag(tag)
    if field.name in _KEYWORDS and tag != f".{field.name}":
        return [{"type": "keyword", "value": value} for value in _KEYWORDS[field.name]]
    limit = _limit(arguments)
    condition = filter_so_far(arguments.get("q", ""))
    if field.text == "resource.service.name" and condition is None:
        return [{"type": "string", "value": service["name"]} for service in catalog.services()[:limit]]
    if field.name in _UNLISTED:
        return []
    start, end = _window(arguments, _HOUR_NS)
    return [_value(shown) for shown in traceql.tag_values(field, condition, start, end, limit) if shown.type in _TYPES]


def _value(shown: Shown) -> Json:
    text = duration_text(int(shown.raw)) if shown.type == "duration" else shown.raw.decode("utf-8", "replace")
    return {"type": _TYPES[shown.type], "value": text}


def _limit(arguments: Mapping[str, str]) -> int:
    return min(integer("limit", arguments.get("limit", ""), MAX_LIMIT) or MAX_LIMIT, MAX_LIMIT)


def _window(arguments: Mapping[str, str], default_ns: int) -> tuple[int, int]:
    start, end = window_ns(arguments)
    # Spans of clocks that are ahead are not left out of a list of names.
    end = time.time_ns() + _HOUR_NS if end is None else end
    return max(end - _HOUR_NS - default_ns if start is None else start, 0), end
