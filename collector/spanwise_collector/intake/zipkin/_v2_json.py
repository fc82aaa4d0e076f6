"""Zipkin v2 in JSON: a list of spans."""

from __future__ import annotations

from typing import Any

from spanwise_collector.intake._accept import MalformedError
from spanwise_collector.intake._otlp_json import load
from spanwise_collector.intake.zipkin._span import ZipkinSpan, endpoint, hexadecimal, mapping, micros, sequence, text

KINDS = frozenset({"", "CLIENT", "SERVER", "PRODUCER", "CONSUMER"})


def read(body: bytes) -> list[ZipkinSpan]:
    """Raises MalformedError or TooLargeError. An empty body has no spans."""
    document = load(body) if body else []
    if not isinstance(document, list):
        raise MalformedError("the body is not a list of Zipkin spans")
    return [_span(mapping(item, "a span")) for item in document]


def _span(given: Any) -> ZipkinSpan:
    kind = text(given.get("kind"), "kind")
    if kind not in KINDS:
        raise MalformedError(f"kind is none of {', '.join(sorted(KINDS - {''}))}: {kind[:60]!r}")
    parent = given.get("parentId")
    tags = mapping(given.get("tags"), "tags")
    return ZipkinSpan(
        hexadecimal(given.get("traceId"), 16, "traceId"),
        hexadecimal(given.get("id"), 8, "id"),
        hexadecimal(parent, 8, "parentId") if parent else b"",
        text(given.get("name"), "name"),
        kind,
        micros(given.get("timestamp"), "timestamp"),
        micros(given.get("duration"), "duration"),
        endpoint(given.get("localEndpoint"), "localEndpoint"),
        endpoint(given.get("remoteEndpoint"), "remoteEndpoint"),
        [
            (micros(item.get("timestamp"), "annotation.timestamp"), text(item.get("value"), "annotation.value"))
            for item in (mapping(item, "an annotation") for item in sequence(given.get("annotations"), "annotations"))
        ],
        {key: text(value, f"the tag {key[:60]!r}") for key, value in tags.items()},
        given.get("debug") is True,
        given.get("shared") is True,
    )
