"""Finished spans as OTLP protobuf, written by hand: no protobuf library in services.

The messages are those of opentelemetry-proto (collector, trace, common and resource, all v1); field numbers stand
beside each tag. A field is its tag byte(s), then a varint, 4 or 8 fixed bytes, or a varint length and that many bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from struct import Struct
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, TraceState

from spanwise.redaction import Redaction
from spanwise.tracing.spans import UNSET, RecordedSpan
from spanwise.tracing.tracecontext import trace_state_text

_HAS_IS_REMOTE = 0x100  # trace.v1.SpanFlags: the next bit says whether the parent is in another process
_IS_REMOTE = 0x200
_DEFAULT_REDACTION = Redaction()
_MASK_64 = (1 << 64) - 1
_LOW_64, _HIGH_64 = -(1 << 63), (1 << 63) - 1
_TWO_FIXED64 = Struct("<BQBQ").pack
_IDS = Struct(">2sQQ2sQ").pack
_FIXED64 = Struct("<Q").pack
_FIXED32 = Struct("<I").pack
_DOUBLE = Struct("<d").pack

# Encoded attributes whose value is short are kept: method, route, scheme, port and status repeat on every span. Only
# texts and integers, because True, 1 and 1.0 are the same key of a dictionary.
_MAX_CACHED_TEXT = 64
_MAX_CACHED_INTEGER = 0xFFFF  # ports and statuses; sizes and identifiers come once
_MAX_CACHED = 4096
_cached_attributes: dict[tuple[bytes, str, str | int], bytes] = {}
_MAX_CACHED_STATES = 256
_cached_states: dict[int, tuple[TraceState, bytes]] = {}


def _varint(value: int) -> bytes:
    if value < 0x80:
        return _ONE_BYTE[value]
    if value < 0x4000:  # nearly every length
        return bytes((value & 0x7F | 0x80, value >> 7))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_ONE_BYTE = tuple(bytes((value,)) for value in range(0x80))


def _text(text: str) -> bytes:
    # A lone surrogate is not UTF-8 and would make the receiver refuse the whole request.
    return text.encode("utf-8", "replace")


def _field(tag: bytes, payload: bytes) -> bytes:
    return tag + _varint(len(payload)) + payload


def _digits(value: int) -> str:
    """An integer that 64 bits do not hold is sent as text (opentelemetry-specification, attribute type mapping)."""
    try:
        return str(value)
    except ValueError:
        return hex(value)  # Python refuses to write thousands of decimal digits


def _value(value: Any) -> bytes:
    """common.v1.AnyValue: string=1 bool=2 int=3 double=4 array=5 kvlist=6 bytes=7; none of them for None."""
    if isinstance(value, str):
        return _field(b"\x0a", _text(value))
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        return b"\x18" + _varint(value & _MASK_64) if _LOW_64 <= value <= _HIGH_64 else _value(_digits(value))
    if isinstance(value, float):
        return b"\x21" + _DOUBLE(value)
    if isinstance(value, bytes):
        return _field(b"\x3a", value)
    if isinstance(value, Mapping):
        items = (_field(b"\x0a", _key_value(str(key), item)) for key, item in value.items())
        return _field(b"\x32", b"".join(items))
    if isinstance(value, Sequence):
        return _field(b"\x2a", b"".join(_field(b"\x0a", _value(item)) for item in value))
    return b"" if value is None else _field(b"\x0a", _text(str(value)))


def _key_value(key: str, value: Any) -> bytes:
    """common.v1.KeyValue: key=1 value=2."""
    return _field(b"\x0a", _text(key)) + _field(b"\x12", _value(value))


def _attribute(tag: bytes, key: str, value: Any) -> bytes:
    """One that is not remembered yet."""
    encoded = _field(tag, _key_value(key, value))
    kind = type(value)
    if (kind is str and len(value) <= _MAX_CACHED_TEXT) or (kind is int and 0 <= value <= _MAX_CACHED_INTEGER):
        if len(_cached_attributes) >= _MAX_CACHED:
            _cached_attributes.clear()
        _cached_attributes[tag, key, value] = encoded
    return encoded


def _attributes(tag: bytes, attributes: Mapping[str, Any] | None) -> bytes:
    if not attributes:
        return b""
    known = _cached_attributes.get
    parts = []
    for key, value in attributes.items():
        kind = type(value)
        encoded = known((tag, key, value)) if kind is str or kind is int else None
        parts.append(_attribute(tag, key, value) if encoded is None else encoded)
    return b"".join(parts)


def _count(tag: bytes, count: int) -> bytes:
    return tag + _varint(count) if count else b""


def _event(event: Event, redaction: Redaction) -> bytes:
    """trace.v1.Span.Event: time=1 name=2 attributes=3 dropped_attributes_count=4."""
    attributes = event.attributes
    if attributes:
        attributes = redaction.event(attributes)
    return (
        b"\x09"
        + _FIXED64(event.timestamp)
        + _field(b"\x12", _text(event.name))
        + _attributes(b"\x1a", attributes)
        + _count(b"\x20", event.dropped_attributes)
    )


def _link(link: Link, redaction: Redaction) -> bytes:
    """trace.v1.Span.Link: trace_id=1 span_id=2 trace_state=3 attributes=4 dropped_attributes_count=5 flags=6."""
    context = link.context
    state = trace_state_text(context.trace_state)
    attributes = redaction.attributes(link.attributes) if link.attributes else None
    return (
        b"\x0a\x10"
        + context.trace_id.to_bytes(16, "big")
        + b"\x12\x08"
        + context.span_id.to_bytes(8, "big")
        + (_field(b"\x1a", _text(state)) if state else b"")
        + _attributes(b"\x22", attributes)
        + _count(b"\x28", link.dropped_attributes)
        + b"\x35"
        + _FIXED32(_flags(context, context))
    )


def _flags(context: SpanContext, seen_from: SpanContext | None) -> int:
    remote = _IS_REMOTE if seen_from is not None and seen_from.is_remote else 0
    return context.trace_flags & 0xFF | _HAS_IS_REMOTE | remote


def _trace_state(state: TraceState) -> bytes:
    """trace.v1.Span: trace_state=3. All roots of a rate share one object, whose text is not written again."""
    if not state:
        return b""
    known = _cached_states.get(id(state))
    if known is None:
        if len(_cached_states) >= _MAX_CACHED_STATES:
            _cached_states.clear()
        # With the object itself, so that its id is nobody else's.
        known = _cached_states[id(state)] = (state, _field(b"\x1a", _text(trace_state_text(state))))
    return known[1]


def _status(status: Status, redaction: Redaction) -> bytes:
    """trace.v1.Status: message=2 code=3 (unset=0 ok=1 error=2)."""
    described = _field(b"\x12", _text(redaction.text(status.description))) if status.description else b""
    return described + _count(b"\x18", status.status_code.value)


def encode_span(span: ReadableSpan, redaction: Redaction = _DEFAULT_REDACTION) -> bytes:
    """trace.v1.Span."""
    context = span.get_span_context()
    if context is None:
        raise ValueError(f"span {span.name!r} has no context")
    # A span's own fields, here and below: its properties cost as much as the encoding.
    parent = span._parent
    attributes = span._attributes
    dropped = b""
    # Our own alone are redacted when they are made; as soon as somebody adds to them they are no plain dict any more.
    if type(span) is not RecordedSpan or type(attributes) is not dict:
        if type(attributes) is BoundedAttributes:  # which takes its lock for every look into it
            dropped = _count(b"\x50", attributes.dropped)
            attributes = attributes._dict
        if attributes:
            attributes = redaction.attributes(attributes)
    trace_id, span_id, _, _, state, _ = context
    start = span._start_time or 0
    status = span._status
    is_unset = status is UNSET or (status.is_unset and not status.description)
    parts = [
        _IDS(b"\x0a\x10", trace_id >> 64, trace_id & _MASK_64, b"\x12\x08", span_id),
        _trace_state(state),
        b"\x22\x08" + parent.span_id.to_bytes(8, "big") if parent is not None else b"",
        _field(b"\x2a", _text(span._name)),
        b"\x30" + _ONE_BYTE[span._kind._value_ + 1],  # OTLP counts from unspecified=0, the SDK from internal=0
        _TWO_FIXED64(0x39, start, 0x41, max(span._end_time or 0, start)),
        _attributes(b"\x4a", attributes),
        dropped,
    ]
    if span._events:
        parts += [_field(b"\x5a", _event(event, redaction)) for event in span.events]
        parts.append(_count(b"\x60", span.dropped_events))
    if span._links:
        parts += [_field(b"\x6a", _link(link, redaction)) for link in span.links]
        parts.append(_count(b"\x70", span.dropped_links))
    parts.append(b"\x7a\x00" if is_unset else _field(b"\x7a", _status(status, redaction)))
    parts.append(b"\x85\x01" + _FIXED32(_flags(context, parent)))
    return b"".join(parts)


def _resource(resource: Resource) -> bytes:
    """resource.v1.Resource: attributes=1."""
    return _attributes(b"\x0a", resource.attributes)


def _scope(scope: InstrumentationScope) -> bytes:
    """common.v1.InstrumentationScope: name=1 version=2 attributes=3."""
    return (
        _field(b"\x0a", _text(scope.name))
        + (_field(b"\x12", _text(scope.version)) if scope.version else b"")
        + _attributes(b"\x1a", getattr(scope, "attributes", None))
    )


def encode_request(spans: Iterable[ReadableSpan], redaction: Redaction = _DEFAULT_REDACTION) -> bytes:
    """One collector.trace.v1.ExportTraceServiceRequest. Raises what a span that cannot be encoded raises."""
    return b"".join(encode_parts(spans, redaction=redaction))


def encode_parts(
    spans: Iterable[ReadableSpan],
    give_way: Callable[[], None] = lambda: None,
    redaction: Redaction = _DEFAULT_REDACTION,
    refused: Callable[[ReadableSpan, Exception], None] | None = None,
) -> list[bytes]:
    """The parts of a request, of a span each; joined they are the request, but a large batch as one text takes
    milliseconds to make, in which nobody else runs.

    `give_way` is called between spans. A span that cannot be encoded is left out and given to `refused`; without it,
    what went wrong is raised. Spans are grouped by resource and scope; within a group they keep their order.
    """
    groups: dict[int, tuple[Resource, dict[int, tuple[InstrumentationScope | None, list[bytes]]]]] = {}
    last_resource = last_scope = encoded = None  # nearly all spans have the same
    for span in spans:
        try:
            part = _field(b"\x12", encode_span(span, redaction))  # ScopeSpans.spans=2
        except Exception as error:
            if refused is None:
                raise
            refused(span, error)
            continue
        resource, scope = span.resource, span.instrumentation_scope
        if encoded is None or resource is not last_resource or scope is not last_scope:
            last_resource, last_scope = resource, scope
            scopes = groups.setdefault(id(resource), (resource, {}))[1]
            encoded = scopes.setdefault(id(scope), (scope, []))[1]
        encoded.append(part)
        give_way()
    return [part for resource, scopes in groups.values() for part in _resource_spans(resource, list(scopes.values()))]


def _resource_spans(resource: Resource, scopes: list[tuple[InstrumentationScope | None, list[bytes]]]) -> list[bytes]:
    """ResourceSpans: resource=1 scope_spans=2 schema_url=3; ScopeSpans: scope=1 spans=2 schema_url=3."""
    parts = [_field(b"\x0a", _resource(resource))]
    for scope, encoded in scopes:
        schema_url = (scope.schema_url or "") if scope else ""
        inner = [_field(b"\x0a", _scope(scope) if scope else b""), *encoded]
        if schema_url:
            inner.append(_field(b"\x1a", _text(schema_url)))
        parts += _field_of_parts(b"\x12", inner)
    if resource.schema_url:
        parts.append(_field(b"\x1a", _text(resource.schema_url)))
    return _field_of_parts(b"\x0a", parts)


def _field_of_parts(tag: bytes, parts: list[bytes]) -> list[bytes]:
    return [tag + _varint(sum(map(len, parts))), *parts]
