"""A stored trace as Jaeger's JSON; times and durations are integers of microseconds, as Grafana decodes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from spanwise_collector.query import Json

_TYPES = {"bool": "bool", "double": "float64", "bytes": "binary"}
_SAMPLED = 1
_LARGEST_INT64 = 2**63


def jaeger_trace(trace: Json) -> Json:
    """`{"traceID", "spans", "processes", "warnings"}`; there is at least one span, for a stored trace has one."""
    processes: dict[str, str] = {}
    spans = [_span(span, processes) for span in trace["spans"]]
    return {
        "traceID": trace["trace_id"],
        "spans": spans,
        "processes": {name: json.loads(process) for process, name in processes.items()},
        "warnings": None,
    }


def _span(span: Json, processes: dict[str, str]) -> Json:
    process = json.dumps(
        {"serviceName": span["service"], "tags": _tags(span["resource"]["attributes"], "service.name")}
    )
    return {
        "traceID": span["trace_id"],
        "spanID": span["span_id"],
        "processID": processes.setdefault(process, f"p{len(processes) + 1}"),
        "operationName": span["name"],
        "startTime": int(span["start_unix_nano"]) // 1000,
        "duration": span["duration_ns"] // 1000,
        "flags": _SAMPLED,
        "references": _references(span),
        "tags": _tags(span["attributes"]) + _made(span),
        "logs": [_log(event) for event in span["events"]],
        "warnings": None,
    }


def _references(span: Json) -> list[Json]:
    """The parent first, because the first CHILD_OF is taken for it."""
    parent = [(span["trace_id"], span["parent_span_id"], "CHILD_OF")] if span["parent_span_id"] else []
    links = [(link["trace_id"], link["span_id"], "FOLLOWS_FROM") for link in span["links"]]
    return [{"refType": kind, "traceID": trace, "spanID": one} for trace, one, kind in parent + links]


def _made(span: Json) -> list[Json]:
    """What Jaeger has as tags and OTLP as fields, named as in OpenTelemetry's specification of exporters to Jaeger."""
    given = {item["key"] for item in span["attributes"]}
    status = span["status"]
    made: dict[str, Any] = {
        "span.kind": span["kind"] if span["kind"] not in ("unspecified", "internal") else "",
        "error": status["code"] == "error",
        "otel.status_code": status["code"].upper() if status["code"] != "unset" else "",
        "otel.status_description": status["message"],
        "otel.scope.name": span["scope"]["name"],
        "otel.scope.version": span["scope"]["version"],
        "w3c.tracestate": span["trace_state"],
    }
    return [
        {"key": key, "type": "bool" if value is True else "string", "value": value}
        for key, value in made.items()
        if value and key not in given
    ]


def _log(event: Json) -> Json:
    fields = [{"key": "event", "type": "string", "value": event["name"]}] if event["name"] else []
    return {"timestamp": int(event["time_unix_nano"]) // 1000, "fields": fields + _tags(event["attributes"])}


def _tags(attributes: Iterable[Json], hidden: str = "") -> list[Json]:
    return [_tag(item) for item in attributes if item["key"] != hidden]


def _tag(item: Json) -> Json:
    kind, value = item["type"], item["value"]
    if kind == "int" and abs(int(value)) < _LARGEST_INT64:
        return {"key": item["key"], "type": "int64", "value": int(value)}
    if kind in _TYPES and (kind != "double" or not isinstance(value, str)):
        return {"key": item["key"], "type": _TYPES[kind], "value": value}
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return {"key": item["key"], "type": "string", "value": text}
