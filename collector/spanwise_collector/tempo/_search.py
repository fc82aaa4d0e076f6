"""Tempo's search: `GET /api/search`. Grafana refuses an answer with a field that is not here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spanwise_collector.query import BadSearchError, Json, integer
from spanwise_collector.tempo._legacy import legacy_query
from spanwise_collector.tempo._time import window_ns
from spanwise_collector.tempo._values import key_values
from spanwise_collector.traceql import FoundSpanset, FoundTrace, TraceQL, parse

DEFAULT_LIMIT, DEFAULT_SPANS = 20, 3
MAX_LIMIT, MAX_SPANS = 1000, 1000
_LARGEST_UINT32 = 2**32 - 1


def search(traceql: TraceQL, arguments: Mapping[str, str]) -> Json:
    """A SearchResponse. Raises TraceQLError, BadSearchError, QueryTimeoutError."""
    text = arguments.get("q", "")
    query = parse(text) if text.strip() else legacy_query(arguments)
    if query.metric is not None:
        raise BadSearchError("q is a metrics query: ask /api/metrics/query_range")
    start_ns, end_ns = window_ns(arguments)
    found = traceql.search(
        query.pipeline,
        _number("limit", arguments, DEFAULT_LIMIT, MAX_LIMIT),
        _number("spss", arguments, DEFAULT_SPANS, MAX_SPANS),
        start_ns,
        end_ns,
    )
    return {"traces": [_trace(trace) for trace in found], "metrics": _metrics(found)}


def _number(name: str, arguments: Mapping[str, str], default: int, most: int) -> int:
    return min(integer(name, arguments.get(name, ""), default) or default, most)


def _trace(found: FoundTrace) -> Json:
    summary = found.summary
    return {
        "traceID": summary["trace_id"],
        "rootServiceName": summary["root_service"],
        "rootTraceName": summary["root_name"],
        "startTimeUnixNano": summary["start_unix_nano"],
        "durationMs": min(summary["duration_ns"] // 10**6, _LARGEST_UINT32),
        "spanSets": [_spanset(spanset) for spanset in found.spansets],
        "serviceStats": {
            service["name"]: {"spanCount": service["span_count"], "errorCount": service["error_count"]}
            for service in summary["services"]
        },
    }


def _spanset(found: FoundSpanset) -> Json:
    return {
        "matched": found.matched,
        "attributes": key_values(found.labels),
        "spans": [
            {
                "spanID": span.span_id,
                "name": span.name,
                "startTimeUnixNano": str(span.start_ns),
                "durationNanos": str(span.duration_ns),
                "attributes": key_values(span.shown),
            }
            for span in found.spans
        ],
    }


def _metrics(found: Sequence[FoundTrace]) -> Json:
    """What Tempo tells of its blocks; Grafana's progress is complete when both counts of jobs are equal."""
    return {
        "inspectedTraces": len(found),
        "inspectedBytes": "0",
        "totalBlocks": 1,
        "completedJobs": 1,
        "totalJobs": 1,
        "totalBlockBytes": "0",
        "inspectedSpans": "0",
    }
