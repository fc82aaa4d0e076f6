"""A status reads back as it was sent, and is found by it, in every API: unset, ok and error are three things.

Sources: OTLP's Status; OpenTelemetry's specifications of the Zipkin and Jaeger exporters (`otel.status_code`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from tests.collector.otlp_requests import new_trace_id, payload, span
from tests.collector.running_collector import RunningCollector, fetch

SERVICE = "statuses"
TRACE = new_trace_id()
CODES = {"unset": 0, "ok": 1, "error": 2}
ZIPKIN_SPAN = {
    "traceId": new_trace_id(), "id": "00000000000000a1", "name": "sent",
    "timestamp": time.time_ns() // 1000, "duration": 1,
    "localEndpoint": {"serviceName": "statuses-zipkin"}, "tags": {"error": "broken"},
}  # fmt: skip


@pytest.fixture(scope="module")
def api(collector: RunningCollector) -> RunningCollector:
    spans = [span(trace_id=TRACE, name=name, kind=3, trace_state=f"a={name}") for name in CODES]
    for one in spans:
        one.status.code = CODES[one.name]  # type: ignore[assignment]
    spans[2].status.message = "broken"
    collector.send(payload(*spans, service=SERVICE))
    collector.settle()
    return collector


def _attribute_values(spans: Iterable[Any], name: str, tags: str, key: str) -> dict[str, Any]:
    return {one[name]: {tag["key"]: tag["value"] for tag in one[tags]}.get(key) for one in spans}


def _names(way: str, collector: RunningCollector) -> dict[str, Any]:
    """The status of each span by its name."""
    if way == "own":
        answer = collector.get(f"/api/spanwise/traces/{TRACE}")
        return {one["name"]: CODES[one["status"]["code"]] for one in answer.json.get("spans", ())}
    if way == "protobuf":
        message = TracesData.FromString(
            fetch(f"{collector.url}/api/traces/{TRACE}", accept="application/protobuf").body
        )
        return {
            one.name: one.status.code for r in message.resource_spans for s in r.scope_spans for one in s.spans
        }  # fmt: skip
    path, member = {"tempo": ("v2", "trace"), "jaeger v3": ("v3", "result")}[way]
    resources = collector.get(f"/api/{path}/traces/{TRACE}").json[member]["resourceSpans"]
    return {
        one["name"]: one["status"].get("code", 0) for r in resources for s in r["scopeSpans"] for one in s["spans"]
    }  # fmt: skip


@pytest.mark.parametrize("way", ["own", "protobuf", "tempo", "jaeger v3"])
def test_a_status_reads_back_as_it_was_sent(api: RunningCollector, way: str) -> None:
    assert _names(way, api) == CODES


def test_a_status_as_tags_of_jaeger(api: RunningCollector) -> None:
    spans = api.get(f"/api/traces/{TRACE}").json["data"][0]["spans"]
    codes = _attribute_values(spans, "operationName", "tags", "otel.status_code")
    assert codes == {"unset": None, "ok": "OK", "error": "ERROR"}
    errors = _attribute_values(spans, "operationName", "tags", "error")
    assert errors == {"unset": None, "ok": None, "error": True}


def test_a_status_as_tags_of_zipkin(api: RunningCollector) -> None:
    tags = {one["name"]: one["tags"] for one in api.get(f"/api/v2/trace/{TRACE}").json}
    codes = {name: of_one.get("otel.status_code") for name, of_one in tags.items()}
    assert codes == {"unset": None, "ok": "OK", "error": "ERROR"}
    assert {name: of_one.get("error") for name, of_one in tags.items()} == dict.fromkeys(CODES) | {"error": "broken"}


def test_a_failed_span_of_zipkin_is_given_back_as_it_came(api: RunningCollector) -> None:
    body = json.dumps([ZIPKIN_SPAN]).encode()
    assert fetch(f"{api.url}/api/v2/spans", "POST", body, content_type="application/json").status == 202
    api.settle()
    assert api.get(f"/api/v2/trace/{ZIPKIN_SPAN['traceId']}").json[0]["tags"] == ZIPKIN_SPAN["tags"]


# What our own answers show as a tag must be found by it: people click on it.
@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("otel.status_code", "OK", "ok"),
        ("otel.status_code", "ERROR", "error"),
        ("otel.status_description", "broken", "error"),
        ("error", "true", "error"),
        ("w3c.tracestate", "a=unset", "unset"),
        ("span.kind", "client", "unset"),
        ("otel.scope.name", "tests", "ok"),
        ("otel.status_code", "UNSET", None),
        ("otel.status_code", "broken", None),
        ("span.kind", "server", None),
        ("span.kind", "no kind", None),
        ("otel.scope.name", "others", None),
    ],
)
def test_jaeger_finds_a_span_by_the_tags_it_shows(
    api: RunningCollector, key: str, value: str, expected: str | None
) -> None:
    for operation in CODES if expected is None else (expected,):
        tags = quote(json.dumps({key: value}))
        found = api.get(f"/api/traces?service={SERVICE}&operation={operation}&tags={tags}")
        assert found.status == 200
        assert [one["traceID"] for one in found.json["data"]] == ([] if expected is None else [TRACE])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("otel.status_code=OK", "ok"),
        ("otel.status_code=ERROR and error", "error"),
        ("otel.status_code", "error"),
        ("otel.scope.name=tests", "unset"),
        ("otel.scope.name", "unset"),
        ("otel.status_code=UNSET", None),
        ("otel.scope.name=others", None),
    ],
)
def test_zipkin_finds_a_trace_by_the_tags_it_shows(api: RunningCollector, query: str, expected: str | None) -> None:
    found = api.get(f"/api/v2/traces?serviceName={SERVICE}&annotationQuery={quote(query)}")
    assert found.status == 200
    assert any(one["name"] == expected for trace in found.json for one in trace) is (expected is not None)


@pytest.mark.parametrize("code", CODES)
def test_traceql_and_our_filters_tell_them_apart(api: RunningCollector, code: str) -> None:
    query = quote(f'{{ resource.service.name = "{SERVICE}" && status = {code} }}')
    [trace] = api.get(f"/api/search?q={query}").json["traces"]
    assert [one["name"] for spanset in trace["spanSets"] for one in spanset["spans"]] == [code]
    filters = quote(f"service = {SERVICE} and name = {code} and status = {code}")
    assert len(api.get(f"/api/spanwise/traces?filter={filters}").json["traces"]) == 1
    others = quote(f"service = {SERVICE} and name = {code} and not status = {code}")
    assert not api.get(f"/api/spanwise/traces?filter={others}").json["traces"]
