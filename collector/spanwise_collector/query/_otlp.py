"""Stored traces as OTLP again, in protobuf's JSON mapping and in protobuf.

Both are written so that no client of ours has to look for what may be missing: a resource has at least `service.name`,
and resource, scope and status are always there, if empty (Grafana's tempo plugin reads them without a look). A span
whose clock was set back ends when it starts, because an end before the start underflows to centuries.
Source: opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding".
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, TracesData
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from spanwise_collector.query._values import Json

_KINDS = {"unspecified": 0, "internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_STATUSES = {"unset": 0, "ok": 1, "error": 2}
_SCALARS = {"string": "stringValue", "bool": "boolValue", "int": "intValue", "double": "doubleValue"}


def otlp_json(traces: Iterable[Json]) -> Json:
    """`{"resourceSpans": [...]}` of stored traces: ids in hexadecimal, enumerations as integers, int64 as text."""
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": [_pair(item) for item in _with_service(resource["attributes"], service)]}
                | _set(droppedAttributesCount=resource["dropped_attributes_count"]),
                "scopeSpans": [
                    {"scope": _scope(scope), "spans": [_span(span) for span in spans]}
                    | _set(schemaUrl=scope["schema_url"])
                    for scope, spans in scopes
                ],
            }
            | _set(schemaUrl=resource["schema_url"])
            for service, resource, scopes in _grouped(traces)
        ]
    }


def otlp_protobuf(traces: Iterable[Json]) -> TracesData:
    """The same as a message."""
    message = TracesData()
    for service, resource, scopes in _grouped(traces):
        target: ResourceSpans = message.resource_spans.add(schema_url=resource["schema_url"])
        target.resource.dropped_attributes_count = resource["dropped_attributes_count"]
        _fill_pairs(target.resource.attributes, _with_service(resource["attributes"], service))
        for scope, spans in scopes:
            of_scope = target.scope_spans.add(schema_url=scope["schema_url"])
            of_scope.scope.SetInParent()
            of_scope.scope.name, of_scope.scope.version = scope["name"], scope["version"]
            of_scope.scope.dropped_attributes_count = scope["dropped_attributes_count"]
            _fill_pairs(of_scope.scope.attributes, scope["attributes"])
            for span in spans:
                _fill_span(of_scope.spans.add(), span)
    return message


def _grouped(traces: Iterable[Json]) -> Iterator[tuple[str, Json, list[tuple[Json, list[Json]]]]]:
    """`(service, resource, [(scope, spans)])`, in the order of the first span of each.

    Resources and scopes are told apart as objects: the reader gives spans of one origin the same ones.
    """
    groups: dict[tuple[str, int], dict[int, list[Json]]] = {}
    for trace in traces:
        for span in trace["spans"]:
            scopes = groups.setdefault((span["service"], id(span["resource"])), {})
            scopes.setdefault(id(span["scope"]), []).append(span)
    for (service, _), by_scope in groups.items():
        scopes_and_spans = [(spans[0]["scope"], spans) for spans in by_scope.values()]
        yield service, scopes_and_spans[0][1][0]["resource"], scopes_and_spans


def _with_service(attributes: list[Json], service: str) -> list[Json]:
    if any(item["key"] == "service.name" for item in attributes):
        return attributes
    return [{"key": "service.name", "type": "string", "value": service}, *attributes]


def _end_ns(span: Json) -> int:
    return int(span["start_unix_nano"]) + int(span["duration_ns"])


def _scope(scope: Json) -> Json:
    attributes = [_pair(item) for item in scope["attributes"]]
    return _set(name=scope["name"], version=scope["version"], attributes=attributes) | _set(
        droppedAttributesCount=scope["dropped_attributes_count"]
    )


def _span(span: Json) -> Json:
    return {
        "traceId": span["trace_id"],
        "spanId": span["span_id"],
        **_set(parentSpanId=span["parent_span_id"], traceState=span["trace_state"], flags=span["flags"]),
        "name": span["name"],
        "kind": _KINDS[span["kind"]],
        "startTimeUnixNano": span["start_unix_nano"],
        "endTimeUnixNano": str(_end_ns(span)),
        "attributes": [_pair(item) for item in span["attributes"]],
        "status": _set(code=_STATUSES[span["status"]["code"]], message=span["status"]["message"]),
        **_set(
            events=[_event(event) for event in span["events"]],
            links=[_link(link) for link in span["links"]],
            droppedAttributesCount=span["dropped_attributes_count"],
            droppedEventsCount=span["dropped_events_count"],
            droppedLinksCount=span["dropped_links_count"],
        ),
    }


def _event(event: Json) -> Json:
    return {
        "timeUnixNano": event["time_unix_nano"],
        "name": event["name"],
        "attributes": [_pair(item) for item in event["attributes"]],
    } | _set(droppedAttributesCount=event["dropped_attributes_count"])


def _link(link: Json) -> Json:
    return {
        "traceId": link["trace_id"],
        "spanId": link["span_id"],
        "attributes": [_pair(item) for item in link["attributes"]],
    } | _set(
        traceState=link["trace_state"], flags=link["flags"], droppedAttributesCount=link["dropped_attributes_count"]
    )


def _set(**members: Any) -> Json:
    """Those that have a value: protobuf's JSON leaves the others out."""
    return {name: value for name, value in members.items() if value}


def _pair(item: Json) -> Json:
    return {"key": item["key"], "value": any_value(item)}


def any_value(item: Json) -> Json:
    """`{"type", "value"}` as an AnyValue in protobuf's JSON mapping."""
    kind, value = item["type"], item["value"]
    if kind in _SCALARS:
        return {_SCALARS[kind]: value}
    if kind == "bytes":
        return {"bytesValue": value}
    if kind == "array":
        return {"arrayValue": {"values": [any_value(inner) for inner in value]}}
    if kind == "map":
        return {"kvlistValue": {"values": [_pair(inner) for inner in value]}}
    return {}


def _fill_span(target: SpanMessage, span: Json) -> None:
    target.trace_id, target.span_id = bytes.fromhex(span["trace_id"]), bytes.fromhex(span["span_id"])
    target.parent_span_id = bytes.fromhex(span["parent_span_id"])
    target.trace_state, target.flags, target.name = span["trace_state"], span["flags"], span["name"]
    target.kind = _KINDS[span["kind"]]  # type: ignore[assignment]
    target.start_time_unix_nano, target.end_time_unix_nano = int(span["start_unix_nano"]), _end_ns(span)
    target.status.SetInParent()
    target.status.code = _STATUSES[span["status"]["code"]]  # type: ignore[assignment]
    target.status.message = span["status"]["message"]
    _fill_pairs(target.attributes, span["attributes"])
    target.dropped_attributes_count = span["dropped_attributes_count"]
    target.dropped_events_count = span["dropped_events_count"]
    target.dropped_links_count = span["dropped_links_count"]
    for event in span["events"]:
        made = target.events.add(time_unix_nano=int(event["time_unix_nano"]), name=event["name"])
        made.dropped_attributes_count = event["dropped_attributes_count"]
        _fill_pairs(made.attributes, event["attributes"])
    for link in span["links"]:
        linked = target.links.add(trace_id=bytes.fromhex(link["trace_id"]), span_id=bytes.fromhex(link["span_id"]))
        linked.trace_state, linked.flags = link["trace_state"], link["flags"]
        linked.dropped_attributes_count = link["dropped_attributes_count"]
        _fill_pairs(linked.attributes, link["attributes"])


def _fill_pairs(target: Any, attributes: Iterable[Json]) -> None:
    for item in attributes:
        pair = target.add(key=item["key"])
        pair.value.SetInParent()
        _fill_value(pair.value, item)


def _fill_value(target: AnyValue, item: Json) -> None:
    kind, value = item["type"], item["value"]
    if kind == "string":
        target.string_value = value
    elif kind == "bool":
        target.bool_value = value
    elif kind == "int":
        target.int_value = int(value)
    elif kind == "double":
        target.double_value = float(value)
    elif kind == "bytes":
        target.bytes_value = base64.b64decode(value)
    elif kind == "array":
        target.array_value.SetInParent()
        for inner in value:
            _fill_value(target.array_value.values.add(), inner)
    elif kind == "map":
        target.kvlist_value.SetInParent()
        _fill_pairs(target.kvlist_value.values, value)
