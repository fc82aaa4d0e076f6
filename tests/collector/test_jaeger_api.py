"""Jaeger's JSON API, decoded as Grafana's plugin decodes it."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote

import pytest

from tests.collector.conftest import CollectorFactory
from tests.collector.golden.traces import GoldenTrace, span_id
from tests.collector.otlp_requests import SECOND, new_span_id, new_trace_id, payload, request, span
from tests.collector.running_collector import RunningCollector

SERVICE = "jaeger/shop"
TRACE, ORPHANS, SHORT = new_trace_id(), new_trace_id(), "0" * 16 + new_span_id()
ROOT = new_span_id()
START = time.time_ns() - 60 * SECOND
TAG_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "bool": bool, "int64": int, "float64": (int, float), "binary": str,
}  # fmt: skip


def check(traces: Any) -> None:
    """What the plugin relies on: spans in each trace, integers, processes that exist, typed tags."""
    for trace in traces:
        assert trace["spans"]
        for one in trace["spans"]:
            assert all(type(one[key]) is int for key in ("startTime", "duration", "flags"))
            assert one["processID"] in trace["processes"]
            tags = [*one["tags"], *trace["processes"][one["processID"]]["tags"]]
            tags += [field for log in one["logs"] for field in log["fields"]]
            assert all(isinstance(tag["value"], TAG_TYPES[tag["type"]]) for tag in tags)
            assert all(type(log["timestamp"]) is int for log in one["logs"])


@pytest.fixture(scope="module")
def api(collector: RunningCollector) -> RunningCollector:
    root = span(
        trace_id=TRACE, span_id=ROOT, name="GET /cart", start_ns=START, duration_ns=3 * SECOND,
        attributes={"ok": True, "ratio": 0.5, "n": 2**62, "blob": b"\x00\xff", "list": [1], "nan": float("nan")},
    )  # fmt: skip
    root.links.add(trace_id=bytes.fromhex(ORPHANS), span_id=b"12345678")
    root.events.add(name="cache miss", time_unix_nano=START + 5000)
    failed = span(trace_id=TRACE, parent=ROOT, name="charge", start_ns=START, error=True)
    sent = request(root, failed, span(trace_id=TRACE, span_id=ROOT, start_ns=START), service=SERVICE,
                   resource={"host.name": "h1"})  # fmt: skip
    collector.send(sent.SerializeToString())
    collector.send(payload(span(trace_id=ORPHANS, parent=new_span_id(), start_ns=START), service="jaeger-orphans"))
    collector.send(payload(span(trace_id=SHORT, start_ns=START), service="jaeger-short"))
    collector.settle()
    return collector


def test_the_lists(api: RunningCollector) -> None:
    answer = api.get("/api/services").json
    assert set(answer) == {"data", "errors", "limit", "offset", "total"} and answer["errors"] is None
    assert SERVICE in answer["data"] and answer["total"] == len(answer["data"])
    names = api.get(f"/api/services/{quote(SERVICE, safe='')}/operations").json["data"]
    assert names == ["GET /cart", "GET /things", "charge"]
    kinds = api.get(f"/api/operations?service={SERVICE}&spanKind=server").json["data"]
    assert {"name": "charge", "spanKind": "server"} in kinds
    assert api.get(f"/api/operations?service={SERVICE}&spanKind=client").json["data"] == []


def test_a_trace(api: RunningCollector) -> None:
    answer = api.get(f"/api/traces/{TRACE}?start=1&end=2").json["data"]
    check(answer)
    [trace] = answer
    assert len(trace["spans"]) == 3, "also the one whose id is there twice"
    root = next(one for one in trace["spans"] if one["operationName"] == "GET /cart")
    tags = {tag["key"]: tag for tag in root["tags"]}
    assert tags["n"] == {"key": "n", "type": "int64", "value": 2**62}
    assert tags["ok"]["value"] is True and tags["ratio"] == {"key": "ratio", "type": "float64", "value": 0.5}
    assert tags["blob"] == {"key": "blob", "type": "binary", "value": "AP8="}
    assert tags["nan"]["type"] == "string" and tags["span.kind"]["value"] == "server"
    assert root["references"] == [{"refType": "FOLLOWS_FROM", "traceID": ORPHANS, "spanID": b"12345678".hex()}]
    assert (root["startTime"], root["duration"]) == (START // 1000, 3_000_000)
    assert root["logs"][0]["timestamp"] == START // 1000 + 5
    failed = next(one for one in trace["spans"] if one["operationName"] == "charge")
    assert failed["references"] == [{"refType": "CHILD_OF", "traceID": TRACE, "spanID": ROOT}]
    assert {"key": "error", "type": "bool", "value": True} in failed["tags"]
    process = trace["processes"][root["processID"]]
    assert process == {
        "serviceName": SERVICE, "tags": [{"key": "host.name", "type": "string", "value": "h1"}],
    }  # fmt: skip


def test_a_short_id(api: RunningCollector) -> None:
    assert api.get(f"/api/traces/{SHORT[16:]}").json["data"][0]["traceID"] == SHORT


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", True),
        ("&operation=GET%20/cart", True),
        ("&operation=get%20/cart", False),
        ("&tags=" + quote(json.dumps({"ok": "true", "host.name": "h1"})), True),
        ("&tags=" + quote(json.dumps({"ok": "false"})), False),
        ("&operation=charge&tags=" + quote(json.dumps({"error": "true"})), True),
        ("&operation=charge&tags=" + quote(json.dumps({"ok": "true"})), False),
        ("&tag=ratio:0.5", True),
        ("&minDuration=3s", True),
        ("&minDuration=3000.001ms", False),
        ("&maxDuration=1us", False),
        pytest.param(f"&start={START // 1000 - 1}&end={START // 1000 + 1}", True, id="around the start"),
        pytest.param(f"&start={START // 1000 + 10}", False, id="after the start"),
    ],
)
def test_search(api: RunningCollector, query: str, found: bool) -> None:
    answer = api.get(f"/api/traces?service={SERVICE}{query}")
    assert answer.status == 200, answer.body
    assert [trace["traceID"] for trace in answer.json["data"]] == ([TRACE] if found else [])
    check(answer.json["data"])


def test_search_without_a_service(api: RunningCollector) -> None:
    found = api.get("/api/traces?tags=" + quote(json.dumps({"host.name": "h1"}))).json["data"]
    assert [trace["traceID"] for trace in found] == [TRACE]


def test_traces_by_id(api: RunningCollector) -> None:
    found = api.get(f"/api/traces?traceID={TRACE}&traceID={ORPHANS}").json["data"]
    assert [trace["traceID"] for trace in found] == [TRACE, ORPHANS]


def test_dependencies(api: RunningCollector) -> None:
    answer = api.get(f"/api/dependencies?endTs={time.time_ns() // 10**6}&lookback=3600000")
    assert answer.status == 200
    assert all(set(link) == {"parent", "child", "callCount"} for link in answer.json["data"])


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("operations", "service"),
        ("dependencies", "endTs"),
        ("traces?minDuration=soon", "minDuration"),
        ("traces?tags=x", "tags"),
        ("traces?" + "&".join(f"tag=k{number}:v" for number in range(21)), "21 are given; at most 20"),
        ("traces?tag=x", "tag"),
        ("traces/nothing", "nothing"),
        ("sampling", "service"),
        ("sampling?service=a&service=b", "service"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(api: RunningCollector, path: str, named: str) -> None:
    answer = api.get(f"/api/{path}")
    assert answer.status == 400 and named in answer.json["errors"][0]["msg"]


def test_what_is_not_there(api: RunningCollector) -> None:
    answer = api.get(f"/api/traces/{new_trace_id()}")
    assert answer.status == 404 and answer.json["errors"][0]["code"] == 404
    assert api.get("/api/sampling?service=shop").status == 404


def test_remote_sampling(new_collector: CollectorFactory) -> None:
    running = new_collector("--sampling-rate", "0.25").start()
    assert running.get("/api/sampling?service=shop").json == {
        "strategyType": "PROBABILISTIC", "probabilisticSampling": {"samplingRate": 0.25},
    }  # fmt: skip


def test_a_list_for_grafana_has_the_earliest_span_of_each_trace(api: RunningCollector) -> None:
    path = f"/api/traces?service={SERVICE}"
    for answer in (api.get(f"{path}&summary=1"), api.get(path, user_agent="Grafana/12.4.0")):
        [trace] = answer.json["data"]
        check([trace])
        assert trace["traceID"] == TRACE
        assert [(one["operationName"], one["duration"]) for one in trace["spans"]] == [("GET /cart", 3_000_000)]
    assert len(api.get(path).json["data"][0]["spans"]) == 3


def test_the_golden_set(api: RunningCollector, golden: dict[str, GoldenTrace]) -> None:
    """What Grafana's plugin decodes, for each hazard."""
    for trace in golden.values():
        for start in ("", f"?start={START // 10**6}&end={START // 10**6 + 1}"):  # milliseconds, as Grafana sends them
            answer = api.get(f"/api/traces/{trace.trace_id}{start}")
            assert answer.status == 200
            [one] = answer.json["data"]
            check([one])
            assert len(one["spans"]) == trace.spans and one["traceID"] == trace.trace_id
            assert {process["serviceName"] for process in one["processes"].values()} == set(trace.services)
            assert all(span["duration"] >= 0 for span in one["spans"])
    ids = "&".join(f"traceID={trace.trace_id}" for trace in golden.values())
    found = api.get(f"/api/traces?{ids}").json["data"]
    assert [one["traceID"] for one in found] == [trace.trace_id for trace in golden.values()]


def test_parents_of_the_golden_set(api: RunningCollector, golden: dict[str, GoldenTrace]) -> None:
    def parents(name: str) -> dict[str, str]:
        [trace] = api.get(f"/api/traces/{golden[name].trace_id}").json["data"]
        return {
            one["operationName"]: next((r["spanID"] for r in one["references"] if r["refType"] == "CHILD_OF"), "")
            for one in trace["spans"]
        }

    assert parents("rootless") == dict.fromkeys(("orphan 1", "orphan 2"), span_id("rootless missing"))
    assert parents("async")["process orders"] == span_id("async sent")
    assert parents("skewed")["work"] == span_id("skewed call")
    assert parents("bare") == {"bare": ""}


def test_a_hundred_thousand_spans(api: RunningCollector, large: GoldenTrace) -> None:
    [trace] = api.get(f"/api/traces/{large.trace_id}").json["data"]
    assert len(trace["spans"]) == large.spans
    [short] = api.get(f"/api/traces?service={large.services[3]}&summary=1").json["data"]
    assert (short["traceID"], len(short["spans"])) == (large.trace_id, 1)
