"""OTLP in JSON: the same request as in protobuf, with hexadecimal ids."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanwise_collector.intake import MalformedError
from spanwise_collector.intake._body import TooLargeError
from spanwise_collector.intake._otlp_json import to_otlp
from tests.collector.otlp_requests import new_trace_id, request, span
from tests.collector.running_collector import RunningCollector

VALUES = {
    "zero": 0,
    "no": False,
    "blank": "",
    "most": 2**63 - 1,
    "third": 1 / 3,
    "bytes": b"\x00\xff",
    "list": [1, "a", [True]],
    "map": {"a": {"b": 0}},
    "none": None,
}


def in_json(message: ExportTraceServiceRequest, upper: bool = False) -> dict[str, Any]:
    """As an SDK writes it: enumerations as integers, 64-bit integers as text, ids in hexadecimal."""
    document = MessageToDict(message, use_integers_for_enums=True)
    for resource_spans in document["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for item in scope_spans["spans"]:
                for holder in (item, *item.get("links", ())):
                    for name in ("traceId", "spanId", "parentSpanId"):
                        if name in holder:
                            digits = base64.b64decode(holder[name]).hex()
                            holder[name] = digits.upper() if upper else digits
    return document


def example() -> ExportTraceServiceRequest:
    full = span(parent="00f067aa0ba902b7", attributes=VALUES, trace_state="ot=th:8", error=True)
    full.events.add(name="checked", time_unix_nano=12)
    full.links.add(trace_id=bytes(range(16)), span_id=bytes(range(8)), flags=1)
    full.flags = 257
    full.dropped_links_count = 3
    message = request(full, span())
    message.resource_spans[0].schema_url = "https://example.org/r"
    return message


@pytest.mark.parametrize("upper", [False, True])
def test_it_becomes_the_same_request(upper: bool) -> None:
    message = example()
    body = json.dumps(in_json(message, upper)).encode()
    assert ExportTraceServiceRequest.FromString(to_otlp(body)) == message


def test_numbers_may_be_numbers_and_unknown_fields_are_left_out() -> None:
    message = example()
    document = in_json(message)
    item = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    item["startTimeUnixNano"] = int(item["startTimeUnixNano"])
    item["somethingNew"] = {"deep": [1]}
    document["another"] = None
    assert ExportTraceServiceRequest.FromString(to_otlp(json.dumps(document).encode())) == message


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not JSON"),
        (b"[]", "not an object"),
        (b'{"resourceSpans": 1}', "OTLP"),
        (b'{"resourceSpans": ["a"]}', "OTLP"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}', "hexadecimal"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 5}]}]}]}', "hexadecimal"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": "SPAN_KIND_SERVER"}]}]}]}', "number"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"status": {"code": "OK"}}]}]}]}', "number"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": 5}]}]}]}', "OTLP"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "\\ud800"}]}]}]}', "OTLP"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "-1"}]}]}]}', "OTLP"),
        (b"\xff\xfe{}", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "JSON"),
    ],
)
def test_what_is_not_otlp_says_why(body: bytes, told: str) -> None:
    with pytest.raises(MalformedError, match=told):
        to_otlp(body)


def test_more_objects_than_memory_is_for_are_too_large() -> None:
    with pytest.raises(TooLargeError, match="send less"):
        to_otlp(b'{"resourceSpans":[' + b"{}," * 600_000 + b"{}]}")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_FIELDS = ("traceId", "spanId", "name", "kind", "startTimeUnixNano", "attributes", "events", "links", "status")
_SPAN = st.fixed_dictionaries({}, optional=dict.fromkeys(_FIELDS, _JSON))


@settings(max_examples=300, deadline=None)
@given(spans=st.lists(_SPAN, max_size=3) | _JSON, resource=_JSON)
def test_any_json_is_taken_or_refused_in_words(spans: Any, resource: Any) -> None:
    body = json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).encode()
    try:
        ExportTraceServiceRequest.FromString(to_otlp(body))
    except MalformedError as error:
        assert "\n" not in str(error)


def test_over_the_wire_it_is_answered_in_json_and_reads_back(collector: RunningCollector) -> None:
    trace_id = new_trace_id()
    good = span(trace_id=trace_id, attributes={"zero": 0, "no": False, "blank": ""})
    document = in_json(request(good))
    answer = collector.send(json.dumps(document).encode(), content_type="application/json; charset=utf-8")
    assert (answer.status, answer.headers["Content-Type"], answer.json) == (200, "application/json", {})
    (found,) = collector.trace(trace_id)["spans"]
    assert [(a["type"], a["value"]) for a in found["attributes"]] == [("int", "0"), ("bool", False), ("string", "")]

    old = in_json(request(span(start_ns=1)))
    partial = collector.send(json.dumps(old).encode(), content_type="application/json").json["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert "retention" in partial["errorMessage"]

    bad = collector.send(b"{", content_type="application/json")
    assert (bad.status, bad.headers["Content-Type"], bad.json["code"]) == (400, "application/json", 3)
