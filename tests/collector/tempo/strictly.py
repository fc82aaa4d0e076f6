"""Tempo's messages, decoded as strictly as Grafana's plugin does: the fields of tempopb of May 2025 and no other.

protobuf's JSON mapping: 64-bit integers are text, 32-bit ones numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], None]


def exactly(kind: type) -> Check:
    def check(value: Any) -> None:
        assert type(value) is kind, f"{value!r} is not {kind.__name__}"

    return check


def int64(value: Any) -> None:
    assert type(value) is str and str(int(value)) == value, f"{value!r} is not an integer as text"


def double(value: Any) -> None:
    assert type(value) in (int, float) or value in ("NaN", "Infinity", "-Infinity"), f"{value!r} is not a number"


def each(item: Check) -> Check:
    def check(value: Any) -> None:
        assert type(value) is list
        for one in value:
            item(one)

    return check


def by_name(item: Check) -> Check:
    def check(value: Any) -> None:
        assert type(value) is dict
        for one in value.values():
            item(one)

    return check


def message(fields: Mapping[str, Check], needed: tuple[str, ...] = ()) -> Check:
    def check(value: Any) -> None:
        assert type(value) is dict, f"{value!r} is no message"
        assert value.keys() <= fields.keys(), f"unknown fields {value.keys() - fields.keys()}"
        assert set(needed) <= value.keys(), f"missing fields {set(needed) - value.keys()}"
        for name, one in value.items():
            fields[name](one)

    return check


def any_value(value: Any) -> None:
    message(
        {
            "stringValue": exactly(str), "boolValue": exactly(bool), "intValue": int64, "doubleValue": double,
            "bytesValue": exactly(str), "arrayValue": message({"values": each(any_value)}),
            "kvlistValue": message({"values": each(key_value)}),
        }
    )(value)  # fmt: skip
    assert len(value) <= 1


def key_value(value: Any) -> None:
    message({"key": exactly(str), "value": any_value}, ("key", "value"))(value)


_SPAN = message(
    {
        "spanID": exactly(str), "name": exactly(str), "startTimeUnixNano": int64, "durationNanos": int64,
        "attributes": each(key_value),
    },
    ("spanID", "startTimeUnixNano", "durationNanos"),
)  # fmt: skip
_SPANSET = message({"spans": each(_SPAN), "matched": exactly(int), "attributes": each(key_value)}, ("spans", "matched"))
_TRACE = message(
    {
        "traceID": exactly(str), "rootServiceName": exactly(str), "rootTraceName": exactly(str),
        "startTimeUnixNano": int64, "durationMs": exactly(int), "spanSet": _SPANSET, "spanSets": each(_SPANSET),
        "serviceStats": by_name(message({"spanCount": exactly(int), "errorCount": exactly(int)})),
    },
    ("traceID", "startTimeUnixNano", "spanSets"),
)  # fmt: skip
_METRICS = message(
    {
        "inspectedTraces": exactly(int), "inspectedBytes": int64, "totalBlocks": exactly(int),
        "completedJobs": exactly(int), "totalJobs": exactly(int), "totalBlockBytes": int64, "inspectedSpans": int64,
    }
)  # fmt: skip
search_response = message({"traces": each(_TRACE), "metrics": _METRICS}, ("traces", "metrics"))

_EXEMPLAR = message({"labels": each(key_value), "value": double, "timestampMs": int64}, ("labels", "value"))
_SAMPLE = message({"timestampMs": int64, "value": double}, ("timestampMs", "value"))
query_range_response = message(
    {
        "series": each(
            message({"labels": each(key_value), "samples": each(_SAMPLE), "exemplars": each(_EXEMPLAR)}, ("labels",))
        ),
        "metrics": _METRICS, "status": exactly(str), "message": exactly(str),
    },
    ("series", "status"),
)  # fmt: skip
query_instant_response = message(
    {"series": each(message({"labels": each(key_value), "value": double}, ("labels", "value"))), "metrics": _METRICS},
    ("series",),
)
tags_response = message(
    {
        "scopes": each(message({"name": exactly(str), "tags": each(exactly(str))}, ("name", "tags"))),
        "metrics": _METRICS,
    },
    ("scopes",),
)
values_response = message(
    {
        "tagValues": each(message({"type": exactly(str), "value": exactly(str)}, ("type", "value"))),
        "metrics": _METRICS,
    },
    ("tagValues",),
)


def trace_of_response(body: bytes) -> bytes:
    """The bytes of `trace`, field 1 of a TraceByIDResponse, of which there must be one, and of no other known field."""
    number, length, shift, at = body[0] >> 3, 0, 0, 1
    assert (number, body[0] & 7) == (1, 2), "the first field is not trace"
    while True:
        length |= (body[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if body[at - 1] < 0x80:
            break
    assert len(body) == at + length, "there is more than the trace"
    return body[at:]
