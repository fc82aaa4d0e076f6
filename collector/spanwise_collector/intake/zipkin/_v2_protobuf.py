"""Zipkin v2 in protobuf: `zipkin.proto3.ListOfSpans` (zipkin-api, zipkin.proto).

The messages are described here in a table, so that no generated code is needed; parsing is protobuf's own, in C.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from spanwise_collector.intake._accept import MalformedError
from spanwise_collector.intake.zipkin._span import Endpoint, ZipkinSpan, address, micros, port

_PACKAGE = "spanwise.zipkin"
_KINDS = ("", "CLIENT", "SERVER", "PRODUCER", "CONSUMER")
_TYPE = descriptor_pb2.FieldDescriptorProto
_REPEATED = _TYPE.LABEL_REPEATED

# Message: (field, number, type or message, repeated). A map is a repeated entry of key and value.
_MESSAGES: dict[str, tuple[tuple[str, int, int | str, bool], ...]] = {
    "Endpoint": (
        ("service_name", 1, _TYPE.TYPE_STRING, False),
        ("ipv4", 2, _TYPE.TYPE_BYTES, False),
        ("ipv6", 3, _TYPE.TYPE_BYTES, False),
        ("port", 4, _TYPE.TYPE_INT32, False),
    ),
    "Annotation": (("timestamp", 1, _TYPE.TYPE_FIXED64, False), ("value", 2, _TYPE.TYPE_STRING, False)),
    "Tag": (("key", 1, _TYPE.TYPE_STRING, False), ("value", 2, _TYPE.TYPE_STRING, False)),
    "Span": (
        ("trace_id", 1, _TYPE.TYPE_BYTES, False),
        ("parent_id", 2, _TYPE.TYPE_BYTES, False),
        ("id", 3, _TYPE.TYPE_BYTES, False),
        ("kind", 4, _TYPE.TYPE_INT32, False),
        ("name", 5, _TYPE.TYPE_STRING, False),
        ("timestamp", 6, _TYPE.TYPE_FIXED64, False),
        ("duration", 7, _TYPE.TYPE_UINT64, False),
        ("local_endpoint", 8, "Endpoint", False),
        ("remote_endpoint", 9, "Endpoint", False),
        ("annotations", 10, "Annotation", True),
        ("tags", 11, "Tag", True),
        ("debug", 12, _TYPE.TYPE_BOOL, False),
        ("shared", 13, _TYPE.TYPE_BOOL, False),
    ),
    "ListOfSpans": (("spans", 1, "Span", True),),
}


def _list_of_spans() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="spanwise/zipkin.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind, repeated in fields:
            field = message.field.add(name=field_name, number=number)
            field.label = _REPEATED if repeated else _TYPE.LABEL_OPTIONAL
            if isinstance(kind, str):
                field.type, field.type_name = _TYPE.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                field.type = kind  # type: ignore[assignment]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.ListOfSpans"))


ListOfSpans = _list_of_spans()


def read(body: bytes) -> list[ZipkinSpan]:
    """Raises MalformedError."""
    try:
        message = ListOfSpans.FromString(body)
    except DecodeError as error:
        raise MalformedError(f"the body is not a list of Zipkin spans in protobuf: {error}") from error
    return [_span(item) for item in message.spans]


def _span(given: Any) -> ZipkinSpan:
    return ZipkinSpan(
        _id(given.trace_id, (8, 16), "trace_id").rjust(16, b"\0"),
        _id(given.id, (8,), "id"),
        _id(given.parent_id, (0, 8), "parent_id"),
        given.name,
        _KINDS[given.kind] if 0 <= given.kind < len(_KINDS) else "",
        micros(given.timestamp, "timestamp"),
        micros(given.duration, "duration"),
        _endpoint(given.local_endpoint),
        _endpoint(given.remote_endpoint),
        [(micros(item.timestamp, "annotation.timestamp"), item.value) for item in given.annotations],
        {item.key: item.value for item in given.tags},
        given.debug,
        given.shared,
    )


def _id(value: bytes, sizes: tuple[int, ...], name: str) -> bytes:
    if len(value) not in sizes:
        raise MalformedError(f"{name} is {len(value)} bytes long, not {' or '.join(str(size) for size in sizes)}")
    return value


def _endpoint(given: Any) -> Endpoint:
    return Endpoint(
        given.service_name,
        address(given.ipv4) if len(given.ipv4) == 4 else "",
        address(given.ipv6) if len(given.ipv6) == 16 else "",
        port(given.port, "port"),
    )
