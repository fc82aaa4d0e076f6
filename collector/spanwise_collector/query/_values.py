"""Attribute values as the store keeps them (type and bytes), and as JSON shows them."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList

Json = dict[str, Any]


def text(value: bytes | str) -> str:
    """A name out of the store. Protobuf strings are UTF-8, so nothing is lost."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def attributes(stored: Iterable[Mapping[str, Any]]) -> list[Json]:
    """`[{"key", "type", "value"}]` in the order in which they were sent."""
    return [{"key": text(item["key"]), **typed(text(item["type"]), item["value"])} for item in stored]


def typed(kind: str, value: bytes | str) -> Json:
    """`{"type", "value"}`; the type's text or raw bytes are what the schema's views made of an AnyValue."""
    raw = value.encode() if isinstance(value, str) else value
    if kind == "bytes":
        return {"type": kind, "value": base64.b64encode(raw).decode()}
    if kind == "array":
        return {"type": kind, "value": [_any_value(item) for item in ArrayValue.FromString(raw).values]}
    if kind == "map":
        return {"type": kind, "value": _key_values(KeyValueList.FromString(raw))}
    if kind == "bool":
        return {"type": kind, "value": raw == b"true"}
    if kind == "double":
        return {"type": kind, "value": _number(float(raw))}
    if kind == "empty":
        return {"type": kind, "value": None}
    return {"type": kind, "value": text(raw)}  # string; int as text, for it may not fit a JSON number


def _number(value: float) -> float | str:
    """JSON has no NaN and no infinities; they are text, as in protobuf's JSON mapping."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _key_values(pairs: KeyValueList) -> list[Json]:
    return [{"key": pair.key, **_any_value(pair.value)} for pair in pairs.values]


def _any_value(value: AnyValue) -> Json:
    """A nested value."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return {"type": "string", "value": value.string_value}
    if kind == "bool_value":
        return {"type": "bool", "value": value.bool_value}
    if kind == "int_value":
        return {"type": "int", "value": str(value.int_value)}
    if kind == "double_value":
        return {"type": "double", "value": _number(value.double_value)}
    if kind == "bytes_value":
        return {"type": "bytes", "value": base64.b64encode(value.bytes_value).decode()}
    if kind == "array_value":
        return {"type": "array", "value": [_any_value(item) for item in value.array_value.values]}
    if kind == "kvlist_value":
        return {"type": "map", "value": _key_values(value.kvlist_value)}
    return {"type": "empty", "value": None}
