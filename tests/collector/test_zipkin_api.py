"""Zipkin's read API, decoded as zipkin-go and Grafana's plugin decode it."""

from __future__ import annotations

import json
import re
import time
from typing import Any
from urllib.parse import quote

import pytest

from tests.collector.golden.traces import GoldenTrace
from tests.collector.otlp_requests import SECOND, new_span_id, new_trace_id, payload, request, span
from tests.collector.running_collector import RunningCollector, wait_for

SERVICE = "Zipkin-Shop"
TRACE, ORPHANS, SHORT = new_trace_id(), new_trace_id(), "0" * 16 + new_span_id()
VERSIONED = new_trace_id()
ROOT, CHILD = new_span_id(), new_span_id()
START = time.time_ns() - 60 * SECOND
FIELDS = {
    "traceId", "id", "parentId", "name", "kind", "timestamp", "duration", "shared", "debug",
    "localEndpoint", "remoteEndpoint", "annotations", "tags",
}  # fmt: skip


def check(spans: Any) -> None:
    """What zipkin-go's model.SpanModel can decode."""
    for one in spans:
        assert set(one) <= FIELDS
        assert re.fullmatch(r"[0-9a-f]{16}|[0-9a-f]{32}", one["traceId"])
        assert all(re.fullmatch(r"[0-9a-f]{16}", one[key]) for key in ("id", "parentId") if key in one)
        assert all(type(one[key]) is int and one[key] > 0 for key in ("timestamp", "duration") if key in one)
        assert all(isinstance(value, str) for value in one["tags"].values())
        assert all(type(note["timestamp"]) is int for note in one["annotations"])


@pytest.fixture(scope="module")
def api(collector: RunningCollector) -> RunningCollector:
    root = span(
        trace_id=TRACE, span_id=ROOT, name="GET /Cart", start_ns=START, duration_ns=3 * SECOND,
        attributes={"ok": True, "ratio": 0.5, "n": 7, "tag/with": "slash", "list": [1, "a"]},
    )  # fmt: skip
    root.events.add(name="cache miss", time_unix_nano=START + 5000)
    call = span(trace_id=TRACE, parent=ROOT, kind=3, start_ns=START, attributes={"peer.service": "postgres"})
    collector.send(payload(root, call, service=SERVICE))
    callee = span(trace_id=TRACE, span_id=CHILD, parent=ROOT, name="charge", start_ns=START, error=True)
    collector.send(payload(callee, service="zipkin-pay"))
    orphan = span(trace_id=ORPHANS, parent=new_span_id(), start_ns=START, duration_ns=0)
    collector.send(payload(orphan, service="zipkin-orphans"))
    collector.send(payload(span(trace_id=SHORT, start_ns=START), service="zipkin-short"))
    versioned = span(trace_id=VERSIONED, start_ns=START, attributes={"region": "span's"})
    resource = {"service.version": "1.2", "replicas": 3, "region": "resource's"}
    collector.send(request(versioned, service="zipkin-versioned", resource=resource).SerializeToString())
    bare = request(span(trace_id=new_trace_id(), start_ns=START), service="zipkin-bare")
    bare.resource_spans[0].scope_spans[0].ClearField("scope")
    collector.send(bare.SerializeToString())
    collector.settle()
    return collector


def test_the_lists(api: RunningCollector) -> None:
    answer = api.get("/api/v2/services")
    assert answer.json == sorted(answer.json) and SERVICE in answer.json
    assert "max-age=300" in answer.headers["Cache-Control"]
    assert api.get(f"/api/v2/spans?serviceName={SERVICE.lower()}").json == ["GET /Cart", "GET /things"]
    assert api.get(f"/api/v2/remoteServices?serviceName={SERVICE}").json == ["postgres"]
    assert "tag/with" in api.get("/api/v2/autocompleteKeys").json
    assert api.get("/api/v2/autocompleteValues?key=tag/with").json == ["slash"]


def test_a_trace(api: RunningCollector) -> None:
    spans = api.get(f"/api/v2/trace/{TRACE.upper()}").json
    check(spans)
    root = next(one for one in spans if one["id"] == ROOT)
    assert "parentId" not in root and root["kind"] == "SERVER"
    assert (root["timestamp"], root["duration"]) == (START // 1000, 3_000_000)
    assert root["tags"] | {} == {
        "ok": "true", "ratio": "0.5", "n": "7", "tag/with": "slash", "otel.scope.name": "tests",
        "list": json.dumps([{"type": "int", "value": "1"}, {"type": "string", "value": "a"}]),
    }  # fmt: skip
    assert root["annotations"] == [{"timestamp": START // 1000 + 5, "value": "cache miss"}]
    assert next(one for one in spans if one["id"] == CHILD)["tags"]["error"] == "true"
    assert {"serviceName": "postgres"} in [one.get("remoteEndpoint") for one in spans]


def test_attributes_of_the_resource_are_tags_and_are_found(api: RunningCollector) -> None:
    [one] = api.get(f"/api/v2/trace/{VERSIONED}").json
    assert one["tags"] == {
        "service.version": "1.2", "replicas": "3", "region": "span's", "otel.scope.name": "tests",
    }  # fmt: skip
    for query, found in (
        ("service.version=1.2", True), ("service.version", True), ("replicas=3 and region=span's", True),
        ("service.version=1.3", False), ("service.colour", False),
    ):  # fmt: skip
        path = f"/api/v2/traces?serviceName=zipkin-versioned&annotationQuery={quote(query)}"
        assert bool(api.get(path).json) is found, query


def test_short_ids(api: RunningCollector) -> None:
    assert api.get(f"/api/v2/trace/{SHORT[16:]}").json[0]["traceId"] == SHORT[16:]
    assert api.get(f"/api/v2/trace/{SHORT}").json[0]["traceId"] == SHORT[16:]


def test_every_listed_trace_has_a_root(api: RunningCollector) -> None:
    traces = api.get("/api/v2/traces?serviceName=zipkin-orphans&spanName=GET%20/things").json
    assert len(traces) == 1
    check(traces[0])
    assert [one for one in traces[0] if not one.get("parentId")]
    assert api.get(f"/api/v2/trace/{ORPHANS}").json[0]["parentId"], "the trace itself stays as it was"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", True),
        ("&spanName=get%20/cart", True),
        ("&spanName=charge", False),
        ("&remoteServiceName=postgres", True),
        ("&remoteServiceName=mysql", False),
        ("&annotationQuery=n=7%20and%20cache%20miss", True),
        ("&annotationQuery=n=7%20and%20peer.service=postgres", True),
        ("&annotationQuery=n=8", False),
        ("&annotationQuery=error", False),
        ("&minDuration=3000000", True),
        ("&minDuration=3000001", False),
        ("&minDuration=10&maxDuration=20", False),
        ("&lookback=1000", False),
        ("&limit=1", True),
    ],
)
def test_search(api: RunningCollector, query: str, found: bool) -> None:
    answer = api.get(f"/api/v2/traces?serviceName={SERVICE.lower()}{query}")
    assert answer.status == 200
    assert [trace[0]["traceId"] for trace in answer.json] == ([TRACE] if found else [])
    for trace in answer.json:
        check(trace)


def test_several_at_once(api: RunningCollector) -> None:
    traces = api.get(f"/api/v2/traceMany?traceIds={TRACE},{ORPHANS}").json
    assert [trace[0]["traceId"] for trace in traces] == [TRACE, ORPHANS]
    assert api.get(f"/api/v2/traceMany?traceIds={TRACE}").status == 400
    assert api.get(f"/api/v2/traceMany?traceIds={TRACE},{TRACE}").status == 400


def test_dependencies(api: RunningCollector) -> None:
    def linked() -> Any:
        answer = api.get(f"/api/v2/dependencies?endTs={time.time_ns() // 10**6}")
        assert answer.status == 200, answer.json
        return answer.json if len(answer.json) > 1 else None

    links = wait_for(linked, 30, "the edges")
    assert {"parent": SERVICE, "child": "zipkin-pay", "callCount": 1, "errorCount": 1} in links
    assert {"parent": SERVICE, "child": "postgres", "callCount": 1} in links
    assert all(type(link["callCount"]) is int for link in links)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("spans", "serviceName"),
        ("dependencies", "endTs"),
        ("autocompleteValues", "key"),
        ("traces?limit=many", "limit"),
        ("traces?annotationQuery=" + "%20and%20".join(["k=v"] * 21), "annotationQuery has 21 parts; at most 20"),
        ("trace/nothing", "nothing"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(api: RunningCollector, path: str, named: str) -> None:
    answer = api.get(f"/api/v2/{path}")
    assert answer.status == 400 and named in answer.json["error"]


def test_what_is_not_there(api: RunningCollector) -> None:
    assert api.get(f"/api/v2/trace/{new_trace_id()}").status == 404
    assert api.get("/api/v2/traces?serviceName=nobody").json == []
    assert api.get("/api/v2/spans?serviceName=nobody").json == []


def test_the_golden_set(api: RunningCollector, golden: dict[str, GoldenTrace]) -> None:
    """What zipkin-go decodes, for each hazard; a list never has a trace without a root, or without spans."""
    for trace in golden.values():
        spans = api.get(f"/api/v2/trace/{trace.trace_id}").json
        check(spans)
        assert len(spans) == trace.spans, trace.name
        assert {one["localEndpoint"]["serviceName"] for one in spans} == set(trace.services)
    for traces in (
        api.get(f"/api/v2/traceMany?traceIds={','.join(trace.trace_id for trace in golden.values())}").json,
        *(api.get(f"/api/v2/traces?serviceName={trace.services[0]}").json for trace in golden.values()),
    ):
        assert traces and all(traces)
        for one in traces:
            check(one)
    for trace in golden.values():
        for listed in api.get(f"/api/v2/traces?serviceName={trace.services[0]}").json:
            assert [one for one in listed if not one.get("parentId")], trace.name


def test_values_of_every_type_are_text(api: RunningCollector, golden: dict[str, GoldenTrace]) -> None:
    [one] = api.get(f"/api/v2/trace/{golden['typed'].trace_id}").json
    tags = one["tags"]
    assert (tags["yes"], tags["no"], tags["half"], tags["one"]) == ("true", "false", "0.5", "1")
    assert (tags["greatest"], tags["nan"], tags["infinite"]) == (str(2**63 - 1), "NaN", "Infinity")
    assert tags["looks.true"] == "true" and tags["nothing"] == "" and tags["blob"] == "AP8="
    [odd] = api.get(f"/api/v2/trace/{golden['odd-keys'].trace_id}").json
    assert odd["tags"]["path/with/slash"] == "v/1" and odd["tags"]["schön"] == "v4"
    failed = {one["name"]: one["tags"].get("error") for one in api.get(
        f"/api/v2/trace/{golden['failed'].trace_id}").json}  # fmt: skip
    assert failed == {"GET /pay": "card refused", "charge": "true"}


def test_a_short_id_is_shown_short_and_shared_spans_are_marked(
    api: RunningCollector, golden: dict[str, GoldenTrace]
) -> None:
    short = golden["short-id"].trace_id
    assert api.get(f"/api/v2/trace/{short[16:]}").json[0]["traceId"] == short[16:]
    shared = api.get(f"/api/v2/trace/{golden['shared'].trace_id}").json
    assert [(one["kind"], one.get("shared")) for one in sorted(shared, key=lambda one: one["kind"])] == [
        ("CLIENT", None), ("SERVER", True),
    ]  # fmt: skip


def test_an_end_before_the_start_is_no_duration(api: RunningCollector, golden: dict[str, GoldenTrace]) -> None:
    [one] = api.get(f"/api/v2/trace/{golden['backwards'].trace_id}").json
    assert "duration" not in one


def test_dependencies_of_the_golden_set(api: RunningCollector, golden: dict[str, GoldenTrace]) -> None:
    called = {
        (f"golden-{parent}", f"golden-{child}")
        for parent, child in (("page", "shop"), ("shop", "postgres"), ("caller", "callee"), ("on-time", "slow-clock"))
    }

    def linked() -> Any:
        links = api.get(f"/api/v2/dependencies?endTs={time.time_ns() // 10**6}&lookback=3600000").json
        return called <= {(link["parent"], link["child"]) for link in links if link["callCount"]}

    assert wait_for(linked, 30, "the edges")


def test_a_hundred_thousand_spans(api: RunningCollector, large: GoldenTrace) -> None:
    assert len(api.get(f"/api/v2/trace/{large.trace_id}").json) == large.spans


def test_what_zipkins_pages_ask_and_old_links(api: RunningCollector) -> None:
    configuration = api.get("/config.json").json
    assert (configuration["queryLimit"], configuration["searchEnabled"]) == (10, True)
    assert api.get("/info").json["zipkin"]["version"]
    page = api.get(f"/zipkin/traces/{TRACE}")
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
    assert b"<title>" in api.get("/zipkin/").body
