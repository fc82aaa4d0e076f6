"""Attribute values as JSON."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanwise_collector.query._values import attributes
from tests.collector.otlp_requests import fill

_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
        st.binary(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)


def as_json(python: Any) -> dict[str, Any]:
    """What the API says of a Python value, by the words of its description."""
    if python is None:
        return {"type": "empty", "value": None}
    if isinstance(python, bool):
        return {"type": "bool", "value": python}
    if isinstance(python, int):
        return {"type": "int", "value": str(python)}
    if isinstance(python, float):
        return {"type": "double", "value": python}
    if isinstance(python, str):
        return {"type": "string", "value": python}
    if isinstance(python, bytes):
        return {"type": "bytes", "value": base64.b64encode(python).decode()}
    if isinstance(python, list):
        return {"type": "array", "value": [as_json(item) for item in python]}
    return {"type": "map", "value": [{"key": key, **as_json(value)} for key, value in python.items()]}


@given(st.lists(_VALUES, max_size=4))
def test_nested_values_read_back(values: list[Any]) -> None:
    message = AnyValue()
    fill(message, values)
    stored = [{"key": b"k", "type": "array", "value": message.array_value.SerializeToString()}]
    assert attributes(stored) == [{"key": "k", **as_json(values)}]


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("string", b"", ""),
        ("string", "ü".encode(), "ü"),
        ("bool", b"true", True),
        ("bool", b"false", False),
        ("int", b"-9223372036854775808", "-9223372036854775808"),
        ("double", b"0.1", 0.1),
        ("double", b"-0", -0.0),
        ("double", b"nan", "NaN"),
        ("double", b"inf", "Infinity"),
        ("double", b"-inf", "-Infinity"),
        ("bytes", b"\x00\xff", "AP8="),
        ("empty", b"", None),
    ],
)
def test_plain_values(kind: str, raw: bytes, value: Any) -> None:
    assert attributes([{"key": "k", "type": kind, "value": raw}]) == [{"key": "k", "type": kind, "value": value}]
