"""Every endpoint of `/api/spanwise/`: its answer has the shape that the OpenAPI document promises."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.collector.otlp_requests import new_span_id, new_trace_id, payload, span
from tests.collector.running_collector import RunningCollector, fetch

SERVICE = "api-documents"
TRACE = new_trace_id()


@pytest.fixture(scope="module")
def document(collector: RunningCollector) -> dict[str, Any]:
    answer = collector.get("/api/spanwise/openapi.json")
    assert answer.status == 200
    found: dict[str, Any] = answer.json
    return found


@pytest.fixture(scope="module", autouse=True)
def _sent(collector: RunningCollector) -> Iterator[None]:
    root = new_span_id()
    now = time.time_ns()
    first = span(
        trace_id=TRACE,
        span_id=root,
        start_ns=now - 10**9,
        duration_ns=10**8,
        error=True,
        attributes={"http.route": "/a"},
    )
    event = first.events.add(name="exception", time_unix_nano=now)
    event.attributes.add(key="exception.type").value.string_value = "ValueError"
    first.links.add(trace_id=bytes(16), span_id=bytes(8))
    second = span(
        trace_id=TRACE, parent=root, start_ns=now - 10**9, duration_ns=10**7, attributes={"a": [1, {"b": b"c"}]}
    )
    collector.send(payload(first, second, service=SERVICE))
    collector.settle()
    yield


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == "3.1.0"


def test_the_document_is_not_sent_twice(collector: RunningCollector) -> None:
    path = "/api/spanwise/openapi.json"
    etag = collector.get(path).headers["ETag"]
    assert collector.get(path, if_none_match=etag).status == 304


def test_every_route_is_in_the_document_and_in_the_docs(document: dict[str, Any]) -> None:
    docs = (Path(__file__).parents[3] / "docs" / "collector-api.md").read_text(encoding="utf-8")
    assert len(document["paths"]) >= 15
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], path
            assert f"### `{method.upper()} {path}" in docs.replace("{service.instance.id}", "{instance_id}"), path
            for parameter in operation["parameters"]:
                if parameter["in"] == "query":
                    assert re.search(rf"[`(]{parameter['name']}\b", docs), (path, parameter["name"])


ANSWERS = [
    ("/services", "", "services"),
    ("/operations", f"service={SERVICE}", "operations"),
    ("/traces", f"service={SERVICE}", "traces"),
    ("/traces", f"filter=service={SERVICE}&sort=duration&order=asc&limit=1&sql=true", "traces"),
    ("/summaries", "trace_id={trace_id},0123456789abcdef0123456789abcdef", "traces"),
    ("/traces/{trace_id}", "", "spans"),
    ("/traces/{trace_id}", "analysis=false&sql=true", "spans"),
    ("/red", "by=service&by=span.http.route&spans=all&step=60s&quantiles=0,1", "series"),
    ("/red", "by=service&by=name&service=" + SERVICE, "series"),
    ("/heatmap", f"service={SERVICE}", "cells"),
    ("/facets", f"filter=service={SERVICE}&by=event.exception.type&by=span.a&by=span.none", "facets"),
    ("/facets", "", "facets"),
    ("/dependencies", "", "dependencies"),
    ("/attributes", "", "attributes"),
    ("/attributes", f"service={SERVICE}&scope=event", "attributes"),
    ("/attributes/values", "field=span.http.route", "values"),
    ("/pins", "", "pins"),
]


@pytest.mark.parametrize(("path", "query", "member"), ANSWERS)
def test_answers_have_the_shapes_of_the_document(
    collector: RunningCollector, document: dict[str, Any], path: str, query: str, member: str
) -> None:
    asked = f"{path}?{query}".replace("{trace_id}", TRACE)
    answer = collector.get(f"/api/spanwise{quote(asked, safe='/?=&,')}")
    assert answer.status == 200, answer.body
    operation = document["paths"][f"/api/spanwise{path}"]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json)
    queries = answer.json["queries"]
    assert queries or path in ("/services", "/operations"), "says which queries ran; those two are remembered"
    assert all(("sql" in one) == ("sql=true" in query) for one in queries)
    if member not in ("dependencies", "pins"):
        assert answer.json[member]


def test_every_endpoint_with_json_is_tried(document: dict[str, Any]) -> None:
    tried = {path for path, _, _ in ANSWERS} | {path for method, path, _, _ in KEPT_BY_THE_COLLECTOR if method == "GET"}
    reads = {
        path.removeprefix("/api/spanwise")
        for path, methods in document["paths"].items()
        if "schema"
        in methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {}).get("application/json", {})
    }
    assert reads == tried


INSTANCE = {"identity": {"service.name": SERVICE}, "metrics": "127.0.0.1:9990/metrics", "admin_url": None}
POLICY = {"rate": 0.5, "routes": [{"route": "/a", "max_per_second": 3}]}
# What no query runs for: in this order one makes what the next one reads.
KEPT_BY_THE_COLLECTOR: list[tuple[str, str, str, Any]] = [
    ("PUT", "/instances/{instance_id}", "", INSTANCE),
    ("GET", "/instances", "", None),
    ("DELETE", "/instances/{instance_id}", "", None),
    ("GET", "/instances", "state=all", None),
    ("PUT", "/sampling", f"service={SERVICE}", POLICY),
    ("GET", "/sampling", f"service={SERVICE}", None),
    ("GET", "/sampling", "service=nobody", None),
    ("GET", "/sampling/policies", "", None),
    ("DELETE", "/sampling", f"service={SERVICE}", None),
]


def test_registry_and_sampling_have_the_shapes_of_the_document(
    collector: RunningCollector, document: dict[str, Any]
) -> None:
    for method, path, query, sent in KEPT_BY_THE_COLLECTOR:
        operation = document["paths"][f"/api/spanwise{path}"][method.lower()]
        url = f"{collector.url}/api/spanwise{path}?{query}".replace("{instance_id}", "documented:1")
        answer = fetch(url, method, None if sent is None else json.dumps(sent).encode())
        status = str(answer.status)
        assert status in ("200", "204") and status in operation["responses"], (method, path, answer.body)
        assert ("requestBody" in operation) == (sent is not None)
        if sent is not None:
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            Draft202012Validator({**body, "components": document["components"]}).validate(sent)
        if status == "204":
            assert not answer.body
            continue
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json)
        assert answer.json


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/instances/{instance_id}", {"metrics": "127.0.0.1:1/metrics"}),
        ("/instances/{instance_id}", {**INSTANCE, "labels": {}}),
        ("/sampling", {"share": 0.5}),
        ("/sampling", {"routes": [{"rate": 1.0}]}),
    ],
)
def test_what_the_document_refuses_the_collector_refuses(
    collector: RunningCollector, document: dict[str, Any], path: str, body: Any
) -> None:
    schema = document["paths"][f"/api/spanwise{path}"]["put"]["requestBody"]["content"]["application/json"]["schema"]
    assert not Draft202012Validator({**schema, "components": document["components"]}).is_valid(body)
    url = f"{collector.url}/api/spanwise{path}?service={SERVICE}".replace("{instance_id}", "documented:2")
    assert fetch(url, "PUT", json.dumps(body).encode()).status == 400


def test_every_route_says_what_it_answers(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            kinds = operation["responses"].get("200", {}).get("content", {})
            plain = [kind for kind, content in kinds.items() if kind == "application/json" and not content]
            assert not plain or path.endswith("/openapi.json"), (method, path)


def test_an_error_has_its_shape(collector: RunningCollector, document: dict[str, Any]) -> None:
    answer = collector.get("/api/spanwise/red?by=nothing")
    assert answer.status == 400
    schema = {"$ref": "#/components/schemas/Error", "components": document["components"]}
    Draft202012Validator(schema).validate(answer.json)


def test_keeping_has_the_shapes_of_the_document(collector: RunningCollector, document: dict[str, Any]) -> None:
    sent = new_trace_id()
    collector.send(payload(span(trace_id=sent), service=SERVICE))
    collector.trace(sent)
    url = f"{collector.url}/api/spanwise/traces/{sent}"
    kept = {"$ref": "#/components/schemas/Kept", "components": document["components"]}
    for method, path in (("PUT", "/pin?note=odd"), ("DELETE", "/pin"), ("POST", "/pin"), ("DELETE", "")):
        if method == "DELETE" and path == "":
            (pin,) = [one for one in collector.get("/api/spanwise/pins").json["pins"] if one["trace_id"] == sent]
            Draft202012Validator({"$ref": "#/components/schemas/Pin", "components": document["components"]}).validate(
                pin
            )
        answer = fetch(f"{url}{path}{'&' if '?' in path else '?'}sql=true", method)
        assert answer.status == 200, answer.body
        Draft202012Validator(kept).validate(answer.json)
        assert answer.json["queries"] and sent not in str(answer.json["queries"])
        assert answer.json["span_count"] == 1
    assert fetch(url, "DELETE").status == 404
    assert fetch(f"{url}/pin", "DELETE").status == 404
    assert fetch(f"{url}/pin", "PUT").status == 404
