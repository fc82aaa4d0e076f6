"""Jaeger's API v3 over the golden set, decoded as jaeger-idl's api_v3/query_service.proto has it."""

from __future__ import annotations

import base64
import json
import time
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from tests.collector.conftest import CollectorFactory
from tests.collector.golden.traces import LARGE_SPANS, GoldenTrace, service, span_id, trace_id
from tests.collector.running_collector import RunningCollector, fetch

SUMMARY_FIELDS = {
    "traceId": str, "rootServiceName": str, "rootOperationName": str, "minStartTimeUnixNano": str,
    "maxEndTimeUnixNano": str, "spanCount": int, "errorSpanCount": int, "orphanSpanCount": int, "services": list,
}  # fmt: skip


def rfc3339(ns: int) -> str:
    return datetime.fromtimestamp(ns // 10**9, timezone.utc).strftime(f"%Y-%m-%dT%H:%M:%S.{ns % 10**9:09d}Z")


def window() -> dict[str, str]:
    now = time.time_ns()
    return {"query.startTimeMin": rfc3339(now - 3600 * 10**9), "query.startTimeMax": rfc3339(now)}


@pytest.fixture(scope="module")
def api(collector: RunningCollector, golden: dict[str, GoldenTrace]) -> RunningCollector:
    return collector


def summaries(api: RunningCollector, **query: str) -> Any:
    answer = api.get(f"/api/v3/trace-summaries?{urlencode(window() | {f'query.{k}': v for k, v in query.items()})}")
    assert answer.status == 200, answer.body
    return answer.json["summaries"]


def spans_of(document: Any) -> list[Any]:
    return [
        span
        for one in document["result"]["resourceSpans"]
        for scope in one["scopeSpans"]
        for span in scope["spans"]
    ]  # fmt: skip


def test_services_and_operations(api: RunningCollector) -> None:
    answer = api.get("/api/v3/services").json
    assert set(answer) == {"services"} and {service("page"), service("odd/keys")} <= set(answer["services"])
    answer = api.get(f"/api/v3/operations?service={service('page')}").json
    assert answer == {
        "operations": [{"name": "GET", "spanKind": "client"}, {"name": "GET /cart", "spanKind": "server"}]
    }
    for name in ("spanKind", "span_kind"):
        found = api.get(f"/api/v3/operations?service={service('page')}&{name}=server").json["operations"]
        assert found == [{"name": "GET /cart", "spanKind": "server"}]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain", ("golden-page", "GET /cart", 4, 0, 0, ["golden-page", "golden-shop"])),
        ("rootless", ("golden-rootless", "orphan 1", 2, 0, 2, ["golden-rootless"])),
        ("bare", ("unknown_service", "bare", 1, 0, 0, ["unknown_service"])),
        ("duplicates", ("golden-duplicates", "first", 3, 0, 0, ["golden-duplicates"])),
        ("skewed", ("golden-on-time", "call", 2, 0, 0, ["golden-on-time", "golden-slow-clock"])),
        ("async", ("golden-orders", "POST /orders", 3, 0, 0, ["golden-orders", "golden-worker"])),
        ("failed", ("golden-failed", "GET /pay", 2, 2, 0, ["golden-failed"])),
        ("nameless", ("golden-nameless", "", 1, 0, 0, ["golden-nameless"])),
    ],
)
def test_summaries(api: RunningCollector, golden: dict[str, GoldenTrace], name: str, expected: Any) -> None:
    found = summaries(api, serviceName=expected[5][0], searchDepth="500")
    [one] = [found_one for found_one in found if found_one["traceId"] == golden[name].trace_id]
    assert {key: type(value) for key, value in one.items()} == SUMMARY_FIELDS
    names = [entry["name"] for entry in one["services"]]
    got = (
        one["rootServiceName"], one["rootOperationName"], one["spanCount"], one["errorSpanCount"],
        one["orphanSpanCount"], names,
    )  # fmt: skip
    assert got == expected
    for entry in one["services"]:
        assert {key: type(value) for key, value in entry.items()} == {
            "name": str, "spanCount": int, "errorSpanCount": int,
        }  # fmt: skip


def test_times_of_a_summary(api: RunningCollector) -> None:
    [one] = [one for one in summaries(api, serviceName=service("page")) if one["traceId"] == trace_id("plain")]
    assert int(one["maxEndTimeUnixNano"]) - int(one["minStartTimeUnixNano"]) == 500 * 10**6
    [one] = summaries(api, serviceName=service("backwards"))
    assert one["maxEndTimeUnixNano"] == one["minStartTimeUnixNano"], "an end before the start is no duration"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"serviceName": service("typed")}, True),
        ({"service_name": service("typed")}, True),
        ({"operationName": "typed", "serviceName": service("typed")}, True),
        ({"operationName": "other", "serviceName": service("typed")}, False),
        ({"attributes": json.dumps({"yes": "true", "half": "0.5", "replicas": "3"})}, True),
        ({"attributes": json.dumps({"yes": "false"}), "serviceName": service("typed")}, False),
        ({"serviceName": service("typed"), "durationMin": "5ms", "durationMax": "5ms"}, True),
        ({"serviceName": service("typed"), "duration_min": "5.000001ms"}, False),
    ],
)
def test_search(api: RunningCollector, query: dict[str, str], found: bool) -> None:
    ids = [one["traceId"] for one in summaries(api, **query)]
    assert ids == ([trace_id("typed")] if found else [])


def test_a_key_with_a_slash(api: RunningCollector) -> None:
    found = summaries(api, attributes=json.dumps({"path/with/slash": "v/1", "schön": "v4"}))
    assert [one["traceId"] for one in found] == [trace_id("odd-keys")]


def test_the_window_has_its_start_and_not_its_end(api: RunningCollector) -> None:
    [one] = summaries(api, serviceName=service("typed"))
    at = int(one["minStartTimeUnixNano"])
    for start, end, expected in ((at, at + 1, 1), (at - 1, at, 0), (at + 1, at + 10**9, 0)):
        query = {"query.startTimeMin": rfc3339(start), "query.startTimeMax": rfc3339(end)}
        answer = api.get(f"/api/v3/trace-summaries?{urlencode(query)}&query.serviceName={service('typed')}")
        assert len(answer.json["summaries"]) == expected
    # A plus sign that was not escaped arrives as a space.
    plain = rfc3339(at).replace("Z", "+00:00")
    query_text = f"query.startTimeMin={plain}&query.startTimeMax={rfc3339(at + 1)}"
    found = api.get(f"/api/v3/trace-summaries?{query_text}&query.serviceName={service('typed')}").json["summaries"]
    assert len(found) == 1


def test_pages(api: RunningCollector) -> None:
    query = window() | {"query.serviceName": service("failed"), "query.pagination.pageSize": "1"}
    answer = api.get(f"/api/v3/trace-summaries?{urlencode(query)}").json
    assert [one["traceId"] for one in answer["summaries"]] == [trace_id("failed")] and "nextPageToken" not in answer
    del query["query.serviceName"]
    first = api.get(f"/api/v3/trace-summaries?{urlencode(query)}").json
    second = api.get(
        f"/api/v3/trace-summaries?{urlencode(query | {'query.pagination.pageToken': first['nextPageToken']})}"
    ).json
    keys = [(-int(one["minStartTimeUnixNano"]), one["traceId"]) for one in first["summaries"] + second["summaries"]]
    assert len(keys) == 2 and keys == sorted(keys)


def test_traces_are_otlp_in_json(api: RunningCollector) -> None:
    query = urlencode(window() | {"query.serviceName": service("page")})
    spans = spans_of(api.get(f"/api/v3/traces?{query}").json)
    assert len(spans) == 4
    root = next(one for one in spans if one["spanId"] == span_id("plain root"))
    assert root["traceId"] == trace_id("plain") and "parentSpanId" not in root
    assert (root["kind"], root["traceState"]) == (2, "ot=th:e6")
    assert int(root["endTimeUnixNano"]) - int(root["startTimeUnixNano"]) == 500 * 10**6


def test_a_search_may_be_posted(api: RunningCollector) -> None:
    times = window()
    body = {
        "query": {
            "service_name": service("typed"),
            "attributes": {"yes": "true"},
            "startTimeMin": times["query.startTimeMin"],
            "start_time_max": times["query.startTimeMax"],
            "searchDepth": 5,
            "pagination": {"pageSize": 1},
        }
    }
    for path in ("traces", "trace-summaries"):
        answer = fetch(f"{api.url}/api/v3/{path}", "POST", json.dumps(body).encode())
        assert answer.status == 200 and trace_id("typed") in answer.body.decode(), answer.body
    assert fetch(f"{api.url}/api/v3/traces", "POST", b"{").status == 400
    assert fetch(f"{api.url}/api/v3/traces", "POST", b"[" * 60_000).status == 400


def test_posting_a_search_needs_only_the_read_token(new_collector: CollectorFactory) -> None:
    running = new_collector(SPANWISE_COLLECTOR_READ_TOKEN="r" * 20, SPANWISE_COLLECTOR_WRITE_TOKEN="w" * 20).start()
    times = {name.removeprefix("query."): value for name, value in window().items()}
    url, body = f"{running.url}/api/v3/trace-summaries", json.dumps({"query": times}).encode()
    assert fetch(url, "POST", body).status == 401
    assert fetch(url, "POST", body, authorization=f"Bearer {'r' * 20}").status == 200


@pytest.mark.parametrize("name", ["plain", "typed", "short-id", "duplicates", "bare", "odd-keys"])
def test_a_trace_by_id(api: RunningCollector, golden: dict[str, GoldenTrace], name: str) -> None:
    trace = golden[name]
    raw = bytes.fromhex(trace.trace_id)
    ids = [trace.trace_id, trace.trace_id.upper(), quote(base64.b64encode(raw).decode(), safe="")]
    ids.append(trace.trace_id.lstrip("0"))
    for given in ids:
        answer = api.get(f"/api/v3/traces/{given}?startTime=2020-01-01T00:00:00Z&endTime=2020-01-02T00:00:00Z")
        assert answer.status == 200, given
        spans = spans_of(answer.json)
        assert len(spans) == trace.spans and {one["traceId"] for one in spans} == {trace.trace_id}


def test_published_types_and_those_that_grafana_decodes(api: RunningCollector) -> None:
    path = f"/api/v3/traces/{trace_id('typed')}"

    def values(**headers: str) -> dict[str, Any]:
        [span] = spans_of(api.get(path, **headers).json)
        return {item["key"]: item["value"] for item in span["attributes"]}

    published = values()
    assert published["yes"] == {"boolValue": True} and published["half"] == {"doubleValue": 0.5}
    assert published["one"] == {"intValue": "1"}
    texts = values(user_agent="Grafana/13.2.0")
    assert texts["yes"] == {"boolValue": "true"} and texts["no"] == {"boolValue": "false"}
    assert texts["half"] == {"doubleValue": "0.5"} and texts["one"] == {"intValue": "1"}
    [span] = spans_of(api.get(f"{path}?strings=1").json)
    assert {"key": "yes", "value": {"boolValue": "true"}} in span["attributes"]


def test_protobuf_by_id(api: RunningCollector) -> None:
    for path in ("/api/traces", "/api/v3/traces"):
        answer = api.get(f"{path}/{trace_id('plain')}", accept="application/protobuf")
        assert answer.headers["Content-Type"] == "application/protobuf"
        message = TracesData.FromString(answer.body)
        assert sum(len(scope.spans) for one in message.resource_spans for scope in one.scope_spans) == 4
        assert api.get(f"{path}/{'ab' * 16}", accept="application/protobuf").status == 404
        assert api.get(f"{path}/{trace_id('plain')}", accept="*/*").json


def test_dependencies(api: RunningCollector) -> None:
    now = time.time_ns()
    query = urlencode({"startTime": rfc3339(now - 3600 * 10**9), "endTime": rfc3339(now)})
    links = api.get(f"/api/v3/dependencies?{query}").json["dependencies"]
    assert all({key: type(value) for key, value in link.items()} == {"parent": str, "child": str, "callCount": str}
               for link in links)  # fmt: skip
    pairs = {(link["parent"], link["child"]) for link in links}
    assert {
        (service("page"), service("shop")),
        (service("shop"), service("postgres")),
        (service("caller"), service("callee")),
        (service("on-time"), service("slow-clock")),
        (service("orders"), service("worker")),
    } <= pairs


def test_a_hundred_thousand_spans(api: RunningCollector, large: GoldenTrace) -> None:
    [one] = summaries(api, serviceName=large.services[0])
    assert (one["spanCount"], one["orphanSpanCount"], len(one["services"])) == (LARGE_SPANS, 0, 10)
    assert len(spans_of(api.get(f"/api/v3/traces/{large.trace_id}").json)) == LARGE_SPANS


@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        ("operations", 400, "service"),
        ("traces", 400, "query.startTimeMin"),
        ("trace-summaries?query.startTimeMin=2026-01-01T00:00:00Z", 400, "query.startTimeMax"),
        ("traces?query.startTimeMin=yesterday&query.startTimeMax=2026-01-01T00:00:00Z", 400, "query.startTimeMin"),
        (
            "traces?query.startTimeMin=2026-01-02T00:00:00Z&query.startTimeMax=2026-01-01T00:00:00Z",
            400,
            "query.startTimeMax",
        ),
        ("traces/nothing!", 400, "nothing!"),
        (f"traces/{'ab' * 16}", 404, "No traces found"),
        ("dependencies", 400, "startTime"),
    ],
)
def test_errors_are_those_of_the_gateway(api: RunningCollector, path: str, status: int, named: str) -> None:
    answer = api.get(f"/api/v3/{path}")
    assert answer.status == status
    assert answer.json["error"]["httpCode"] == status and named in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("filter", "{}"), ("durationMin", "soon"), ("searchDepth", "-1"), ("attributes", "[]"),
     ("pagination.pageToken", "x"), ("pagination.pageSize", "many")],
)  # fmt: skip
def test_a_parameter_that_cannot_be_used_is_named(api: RunningCollector, name: str, value: str) -> None:
    answer = api.get(f"/api/v3/trace-summaries?{urlencode(window() | {f'query.{name}': value})}")
    assert answer.status == 400
    assert name.split(".")[-1].removesuffix("Token") in answer.json["error"]["message"]
