"""The JSON API over HTTP: docs/collector-api.md."""

from __future__ import annotations

import json
import time

import pytest

from tests.collector.otlp_requests import new_trace_id, payload, span
from tests.collector.running_collector import RunningCollector, fetch, wait_for


def test_services_and_operations(collector: RunningCollector) -> None:
    trace_id = new_trace_id()
    collector.send(payload(span(trace_id=trace_id, name="GET /b"), span(name="GET /a", kind=3), service="api-catalog"))
    collector.trace(trace_id)
    names = [service["name"] for service in collector.get("/api/spanwise/services").json["services"]]
    assert "api-catalog" in names
    assert names == sorted(names)
    assert collector.get("/api/spanwise/operations?service=api-catalog").json["operations"] == [
        {"service": "api-catalog", "name": "GET /a", "kind": "client"},
        {"service": "api-catalog", "name": "GET /b", "kind": "server"},
    ]
    assert len(collector.get("/api/spanwise/operations").json["operations"]) >= 2


def test_a_trace_is_in_the_search_soon_after_its_acknowledgement(collector: RunningCollector) -> None:
    trace_id = new_trace_id()
    collector.send(payload(span(trace_id=trace_id), service="api-soon"))
    wait_for(  # about 0.4 s on an idle machine
        lambda: [t for t in collector.get("/api/spanwise/traces?limit=5").json["traces"] if t["trace_id"] == trace_id],
        what="the trace in the newest",
    )


def test_search_by_parameters(collector: RunningCollector) -> None:
    slow, failed = new_trace_id(), new_trace_id()
    now = time.time_ns()
    collector.send(
        payload(
            span(trace_id=slow, name="slow", start_ns=now - 10**9, duration_ns=3 * 10**9),
            span(trace_id=failed, name="failed", start_ns=now - 2 * 10**9, error=True),
            service="api-search",
        )
    )
    collector.settle()

    def found(query: str) -> list[str]:
        answer = collector.get(f"/api/spanwise/traces?service=api-search&{query}")
        assert answer.status == 200, answer.body
        return [trace["trace_id"] for trace in answer.json["traces"]]

    assert found("") == [slow, failed]
    assert found("error=true") == [failed]
    assert found("min_duration=1s") == [slow]
    assert found("max_duration=250ms") == [failed]
    assert found("operation=slow") == [slow]
    assert found(f"end={now - 15 * 10**8}") == [failed]
    assert found(f"start={now - 15 * 10**8}") == [slow]
    page = collector.get("/api/spanwise/traces?service=api-search&limit=1").json["next_page"]
    assert found(f"limit=1&page={page}") == [failed]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=ten", "limit"),
        ("start=yesterday", "start"),
        ("start=-1", "start"),
        ("end=99999999999999999999", "end"),
        ("min_duration=fast", "min_duration"),
        ("error=maybe", "error"),
        ("page=x", "page"),
        ("sevrice=x", "sevrice"),
    ],
)
def test_a_wrong_parameter_is_named(collector: RunningCollector, query: str, named: str) -> None:
    answer = collector.get(f"/api/spanwise/traces?{query}")
    assert answer.status == 400
    assert named in answer.json["error"]


def test_an_unknown_trace_is_404_and_a_bad_id_400(collector: RunningCollector) -> None:
    assert collector.get(f"/api/spanwise/traces/{new_trace_id()}").status == 404
    assert collector.get("/api/spanwise/traces/xyz").status == 400
    assert "hexadecimal" in collector.get("/api/spanwise/traces/xyz").json["error"]


def test_a_64_bit_id_finds_its_trace(collector: RunningCollector) -> None:
    short = new_trace_id()[:16]
    collector.send(payload(span(trace_id=short.zfill(32))))
    assert collector.trace(short)["trace_id"] == short.zfill(32)
    assert len(collector.trace(short.upper())["spans"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/api/spanwise/x", 404), ("POST", "/api/spanwise/traces", 405)]
)
def test_what_is_not_there_is_json_too(collector: RunningCollector, method: str, path: str, status: int) -> None:
    answer = fetch(f"{collector.url}{path}", method)
    assert answer.status == status
    assert "docs/collector-api.md" in answer.json["error"]


REGISTRATION = {
    "identity": {"service.name": "api-registered", "service.version": "2.0", "deployment.environment.name": "test"},
    "metrics": "127.0.0.1:9990/metrics",
    "admin_url": "http://127.0.0.1:9990",
}


def test_an_instance_registers_is_listed_and_leaves(collector: RunningCollector) -> None:
    url = f"{collector.url}/api/spanwise/instances/api-1"
    assert fetch(url, "PUT", json.dumps(REGISTRATION).encode()).status == 204
    listed = {entry["id"]: entry for entry in collector.get("/api/spanwise/instances").json["instances"]}
    entry = listed["api-1"]
    assert {key: entry[key] for key in REGISTRATION} == REGISTRATION
    assert int(entry["first_seen_unix_nano"]) <= int(entry["last_seen_unix_nano"]) <= time.time_ns()
    targets = [
        group for group in collector.get("/sd/prometheus").json if group["labels"]["service_name"] == "api-registered"
    ]
    assert targets[0]["targets"] == ["127.0.0.1:9990"]
    assert fetch(url, "DELETE").status == 204
    assert "api-1" not in collector.get("/api/spanwise/instances").body.decode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        json.dumps(REGISTRATION | {"labels": {}}).encode(),
        json.dumps(REGISTRATION).encode() + b" " * 5000,
    ],
)
def test_a_bad_registration_is_400(collector: RunningCollector, body: bytes) -> None:
    answer = fetch(f"{collector.url}/api/spanwise/instances/api-bad", "PUT", body)
    assert answer.status == 400
    assert answer.json["error"]


def test_the_sampling_policy_has_an_etag(collector: RunningCollector) -> None:
    path = "/api/spanwise/sampling?service=catalog"
    first = collector.get(path)
    assert first.json == {"rate": None, "routes": []}
    assert first.headers["ETag"]
    assert collector.get(path, if_none_match=first.headers["ETag"]).status == 304
    assert collector.get(path, if_none_match='"other"').status == 200


def test_another_sites_page_is_kept_out(collector: RunningCollector) -> None:
    assert collector.get("/api/spanwise/services", host="rebound.example").status == 403
    url = f"{collector.url}/api/spanwise/instances/api-evil"
    body = json.dumps(REGISTRATION).encode()
    assert fetch(url, "PUT", body, origin="http://evil.example").status == 403
    assert fetch(url, "PUT", body, sec_fetch_site="cross-site").status == 403
    assert collector.send(payload(span()), origin="http://evil.example").status == 403


def test_answers_are_never_cached(collector: RunningCollector) -> None:
    assert collector.get("/api/spanwise/services").headers["Cache-Control"] == "no-store"
