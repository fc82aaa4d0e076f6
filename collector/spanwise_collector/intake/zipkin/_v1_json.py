"""Zipkin v1 in JSON, turned into v2 the way Zipkin's own server does it.

A v1 span has no kind: the annotations `cs` and `cr`, `sr` and `ss`, `ms`, `mr` say who was client, server, producer and
consumer, and when. One with both sides is two spans of the same id, of which the server's is shared. The addresses of
the other side are binary annotations `sa`, `ca`, `ma`. Source: openzipkin/zipkin, V1SpanConverter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from spanwise_collector.intake._accept import MalformedError
from spanwise_collector.intake._otlp_json import load
from spanwise_collector.intake.zipkin._span import (
    Endpoint,
    ZipkinSpan,
    endpoint,
    hexadecimal,
    mapping,
    micros,
    sequence,
    text,
)

# The annotations that begin and end each kind of span, and the address of whom it talks to.
_SIDES = {
    "CLIENT": ("cs", "cr", "sa"),
    "SERVER": ("sr", "ss", "ca"),
    "PRODUCER": ("ms", "", "ma"),
    "CONSUMER": ("mr", "", "ma"),
}
_MARKS = frozenset(mark for begin, end, _ in _SIDES.values() for mark in (begin, end) if mark)
_ADDRESSES = frozenset(where for _, _, where in _SIDES.values())


@dataclass(frozen=True, slots=True)
class _Annotation:
    timestamp: int
    value: str
    endpoint: Endpoint


def read(body: bytes) -> list[ZipkinSpan]:
    """Raises MalformedError or TooLargeError."""
    document = load(body) if body else []
    if not isinstance(document, list):
        raise MalformedError("the body is not a list of Zipkin spans")
    return [span for item in document for span in _spans(mapping(item, "a span"))]


def _spans(given: Mapping[str, Any]) -> list[ZipkinSpan]:
    parent = given.get("parentId")
    base = ZipkinSpan(
        hexadecimal(given.get("traceId"), 16, "traceId"),
        hexadecimal(given.get("id"), 8, "id"),
        hexadecimal(parent, 8, "parentId") if parent else b"",
        text(given.get("name"), "name"),
        timestamp=micros(given.get("timestamp"), "timestamp"),
        duration=micros(given.get("duration"), "duration"),
        debug=given.get("debug") is True,
    )
    annotations = [
        _annotation(mapping(item, "an annotation")) for item in sequence(given.get("annotations"), "annotations")
    ]
    tags, addresses, local = _binary(given)
    marks = {item.value: item for item in annotations if item.value in _MARKS}
    spans = [
        _side(base, kind, marks, addresses) for kind in _SIDES if _SIDES[kind][0] in marks or _SIDES[kind][1] in marks
    ]
    if not spans:
        spans = [_plain(base, annotations, addresses, local)]
    if len(spans) > 1 and {spans[0].kind, spans[1].kind} == {"CLIENT", "SERVER"}:
        spans[1].shared = True
    # Where both sides are in one span, what is said about it is said by the first.
    spans[0].tags = tags
    for item in annotations:
        if item.value not in _MARKS:
            owner = next((span for span in spans if span.local == item.endpoint), spans[0])
            owner.annotations.append((item.timestamp, item.value))
    return spans


def _annotation(given: Mapping[str, Any]) -> _Annotation:
    return _Annotation(
        micros(given.get("timestamp"), "annotation.timestamp"),
        text(given.get("value"), "annotation.value"),
        endpoint(given.get("endpoint"), "annotation.endpoint"),
    )


def _binary(given: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Endpoint], Endpoint]:
    """`(tags, addresses of others by key, who recorded the span)`."""
    tags: dict[str, str] = {}
    addresses: dict[str, Endpoint] = {}
    local = Endpoint()
    for item in sequence(given.get("binaryAnnotations"), "binaryAnnotations"):
        pair = mapping(item, "a binary annotation")
        key, value = text(pair.get("key"), "binaryAnnotation.key"), pair.get("value")
        where = endpoint(pair.get("endpoint"), "binaryAnnotation.endpoint")
        if key in _ADDRESSES and value in (True, "true", "\x01"):
            addresses[key] = where
            continue
        local = local if local != Endpoint() else where
        if key != "lc":  # "local component": a span without network, named by who recorded it
            tags[key] = (
                ("true" if value else "false") if isinstance(value, bool) else str("" if value is None else value)
            )
        elif value:
            tags[key] = str(value)
    return tags, addresses, local


def _side(
    base: ZipkinSpan, kind: str, marks: Mapping[str, _Annotation], addresses: Mapping[str, Endpoint]
) -> ZipkinSpan:
    begin, end, where = _SIDES[kind]
    first, last = marks.get(begin), marks.get(end)
    here = first or last
    assert here is not None
    started = first.timestamp if first else 0
    duration = last.timestamp - started if first and last and last.timestamp > started else 0
    owns_times = kind != "SERVER" or "cs" not in marks
    return replace(
        base,
        kind=kind,
        timestamp=(base.timestamp if owns_times and base.timestamp else started) or here.timestamp,
        duration=base.duration if owns_times and base.duration else duration,
        local=here.endpoint,
        remote=addresses.get(where, Endpoint()),
        annotations=[],
        tags={},
    )


def _plain(
    base: ZipkinSpan, annotations: list[_Annotation], addresses: Mapping[str, Endpoint], local: Endpoint
) -> ZipkinSpan:
    """A span without a kind's annotations; an address alone tells that too."""
    kind = "CLIENT" if "sa" in addresses else "SERVER" if "ca" in addresses else ""
    here = local if local != Endpoint() or not annotations else annotations[0].endpoint
    remote = next(iter(addresses.values()), Endpoint())
    return replace(base, kind=kind, local=here, remote=remote, annotations=[], tags={})
