"""A stored span as Zipkin's v2 JSON: the way of `intake/zipkin` backwards.

Zipkin's API asks for integers in microseconds (timestamp is never 0, a duration is at least 1), ids in lower-case
hexadecimal and tags that are strings; see zipkin2-api.yaml. A status is written as OpenTelemetry's exporters to Zipkin
do it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from spanwise_collector.query import Json

_KINDS = {"server": "SERVER", "client": "CLIENT", "producer": "PRODUCER", "consumer": "CONSUMER"}
_LOCAL = ("network.local.address", "zipkin.local.ipv6", "network.local.port")
_REMOTE = ("network.peer.address", "zipkin.remote.ipv6", "network.peer.port")
_HIDDEN = frozenset({*_LOCAL, *_REMOTE, "peer.service", "zipkin.shared", "zipkin.debug", "zipkin.no_timestamp"})
_SHORT_ID = "0" * 16


def zipkin_spans(spans: Iterable[Json]) -> list[Json]:
    """The spans of a trace; those whose parent is missing keep its id."""
    return [_zipkin(span) for span in spans]


def with_root(spans: list[Json]) -> list[Json]:
    """The same spans, where the first one is made the root when there is none.

    Grafana looks for a span without a parent in each trace of a list and breaks when there is none.
    """
    if not spans or any("parentId" not in span for span in spans):
        return spans
    ids = {span["id"] for span in spans}
    top = next((span for span in spans if span["parentId"] not in ids), spans[0])
    return [{key: value for key, value in span.items() if span is not top or key != "parentId"} for span in spans]


def _zipkin(span: Json) -> Json:
    values = {item["key"]: item["value"] for item in span["attributes"]}
    trace_id = span["trace_id"]
    answer: Json = {"traceId": trace_id[16:] if trace_id.startswith(_SHORT_ID) else trace_id, "id": span["span_id"]}
    if span["parent_span_id"]:
        answer["parentId"] = span["parent_span_id"]
    if span["kind"] in _KINDS:
        answer["kind"] = _KINDS[span["kind"]]
    answer["name"] = span["name"]
    if not values.get("zipkin.no_timestamp"):
        answer["timestamp"] = max(int(span["start_unix_nano"]) // 1000, 1)
        if span["duration_ns"]:
            answer["duration"] = max(span["duration_ns"] // 1000, 1)
    answer["localEndpoint"] = _endpoint(span["service"], values, _LOCAL)
    remote = _endpoint(str(values.get("peer.service", "")), values, _REMOTE)
    if remote:
        answer["remoteEndpoint"] = remote
    answer["annotations"] = [
        {"timestamp": int(event["time_unix_nano"]) // 1000, "value": event["name"]} for event in span["events"]
    ]
    answer["tags"] = _tags(span)
    answer |= {flag: True for flag in ("shared", "debug") if values.get(f"zipkin.{flag}")}
    return answer


def _endpoint(service: str, values: dict[str, Any], keys: tuple[str, str, str]) -> Json:
    address, second, port = (str(values.get(key) or "") for key in keys)
    endpoint: Json = {"serviceName": service} if service else {}
    if address:
        endpoint["ipv6" if ":" in address else "ipv4"] = address
    if second:
        endpoint["ipv6"] = second
    if port.isdigit():
        endpoint["port"] = int(port)
    return endpoint


def _tags(span: Json) -> dict[str, str]:
    """Of the resource too, as OpenTelemetry's collector writes them; where both have a key, the span's."""
    # The resource's name is in localEndpoint; a span's own attribute of that name is what somebody sent.
    resource = [item for item in span["resource"]["attributes"] if item["key"] != "service.name"]
    sent = [*resource, *span["attributes"]]
    tags = {item["key"]: _text(item["value"]) for item in sent if item["key"] not in _HIDDEN}
    status = span["status"]
    # A failed span that came with the tag is one of Zipkin's: it is given back as it was.
    if status["code"] != "unset" and not (status["code"] == "error" and "error" in tags):
        tags.setdefault("otel.status_code", status["code"].upper())
    if status["code"] == "error":
        tags.setdefault("error", status["message"] or "true")
    if span["scope"]["name"]:
        tags.setdefault("otel.scope.name", span["scope"]["name"])
    return tags


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
