"""How the API behaves: tokens, gzip, ETags, large traces, callers who go away, limits that name their setting."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
import time
import urllib.request
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.collector.conftest import CollectorFactory
from tests.collector.otlp_requests import new_span_id, new_trace_id, payload, request, span
from tests.collector.running_collector import Answer, RunningCollector, fetch, wait_for

API = "/api/spanwise"


def traces(collector: RunningCollector, **parameters: str) -> Any:
    query = "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
    answer = collector.get(f"{API}/traces?{query}")
    assert answer.status == 200, answer.body
    return answer.json["traces"]


def test_search_with_filters_of_several_spans(collector: RunningCollector) -> None:
    both, one = new_trace_id(), new_trace_id()
    spans = [
        span(trace_id=both, attributes={"http.route": "/a", "n": 1}),
        span(trace_id=both, attributes={"http.route": "/b", "n": 2}),
        span(trace_id=one, attributes={"http.route": "/a", "n": 2}),
    ]
    collector.send(payload(*spans, service="api-filters"))
    collector.settle()

    def found(*filters: str) -> set[str]:
        query = "&".join(f"filter={quote(text)}" for text in filters)
        answer = collector.get(f"{API}/traces?service=api-filters&{query}")
        assert answer.status == 200, answer.body
        return {trace["trace_id"] for trace in answer.json["traces"]}

    assert found('span.http.route = "/a" and span.n = 2') == {one}
    assert found('span.http.route = "/a"', "span.n = 2") == {both, one}
    assert found('span.http.route =~ "/b|/c"') == {both}
    assert found('span.n > 1 and not span.http.route = "/a"') == {both}
    assert found('span.n = "2"') == set()
    assert found("not parent_span_id exists and scope:name = tests") == {both, one}


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("traces?filter=service", "column 8"),
        ("traces?filter=name%20%3D~%20%22(%22", "regular expression"),
        ("traces?service=none&filter=span.a%20%21~%20%22%5C%5CQ%22", "regular expression"),
        ("facets?by=service&start=1&end=2&filter=not%20name%20%3D~%20%22(%22", "regular expression"),
        ("traces?" + "&".join(["filter=service%3Da"] * 11), "at most 10"),
        ("traces?sort=size", "duration, span_count"),
        ("traces?order=up", "desc, asc"),
        ("summaries?trace_id=x", "hexadecimal"),
        ("red?step=fast", "step"),
        ("red?by=route", "span.KEY"),
        ("red?by=any.route", "one scope"),
        ("red?quantiles=2", "quantiles"),
        ("red?start=2&end=1", "start is after end"),
        ("heatmap?start=1&step=1s", "larger"),
        ("facets?budget=long", "budget"),
        ("attributes?scope=trace", "resource"),
        ("attributes/values", "field"),
        ("attributes/values?field=service&field=name", "exactly once"),
        ("openapi.json?x=1", ""),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(collector: RunningCollector, path: str, named: str) -> None:
    answer = collector.get(f"{API}/{path}")
    if not named:
        assert answer.status == 200
        return
    assert answer.status == 400, answer.body
    assert named in answer.json["error"]
    assert "\n" not in answer.json["error"]


def test_a_trace_has_an_etag_until_it_changes(collector: RunningCollector) -> None:
    trace_id = new_trace_id()
    collector.send(payload(span(trace_id=trace_id)))
    collector.trace(trace_id)
    path = f"{API}/traces/{trace_id}"
    etag = collector.get(path).headers["ETag"]
    assert collector.get(path, if_none_match=etag).status == 304
    assert collector.get(path, if_none_match=etag, accept_encoding="gzip").status == 304
    collector.send(payload(span(trace_id=trace_id)))
    wait_for(lambda: len(collector.get(path).json["spans"]) == 2)
    assert collector.get(path, if_none_match=etag).status == 200


def test_gzip_for_whoever_takes_it(collector: RunningCollector) -> None:
    trace_id = new_trace_id()
    collector.send(payload(*(span(trace_id=trace_id) for _ in range(10))))
    collector.trace(trace_id)
    path = f"{API}/traces/{trace_id}"
    wait_for(lambda: len(collector.get(path).json["spans"]) == 10)
    plain, small = collector.get(path), collector.get(path, accept_encoding="gzip")
    assert plain.headers.get("Content-Encoding") is None
    assert small.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in small.headers["Vary"]
    assert json.loads(gzip.decompress(small.body))["spans"] == plain.json["spans"]
    assert len(small.body) < len(plain.body) / 3
    assert small.headers["ETag"] == plain.headers["ETag"]
    short = collector.get(f"{API}/operations?service=none-such", accept_encoding="gzip")
    assert short.headers.get("Content-Encoding") is None


def test_a_trace_of_a_hundred_thousand_spans(collector: RunningCollector) -> None:
    trace_id, count = new_trace_id(), 100_000
    ids = [new_span_id() for _ in range(count)]
    start = time.time_ns() - 60 * 10**9
    for first in range(0, count, 10_000):
        spans = [
            span(
                trace_id=trace_id,
                span_id=ids[number],
                parent=ids[number // 10] if number else "",
                start_ns=start + number * 1000,
                duration_ns=(2 * count - 2 * number) * 1000,
                attributes={"number": number},
            )
            for number in range(first, first + 10_000)
        ]
        assert collector.send(payload(*spans, service="api-large")).status == 200
    wait_for(
        lambda: (
            traces(collector, service="api-large")[:1]
            and traces(collector, service="api-large")[0]["span_count"] == count
        ),
        timeout_s=120,
        what="all spans",
    )
    answer = _patient(collector, f"{API}/traces/{trace_id}")
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    found = answer.json
    assert {one["span_id"] for one in found["spans"]} == set(ids)
    path = found["analysis"]["critical_path"]
    assert sum(segment["duration_ns"] for segment in path) == found["spans"][found["analysis"]["root"]]["duration_ns"]
    # Whether any trace is pinned is asked once for many.
    ran = [(one["name"], one["row_count"]) for one in found["queries"] if one["name"] != "pinned_traces"]
    # Whether it is small is seen by its first blocks.
    assert [name for name, _ in ran] == ["trace_spans", "trace_origins", "trace_spans"]
    assert ran[1][1] == 1 and ran[0][1] < ran[2][1] == count


def _patient(collector: RunningCollector, path: str) -> Any:
    """A large answer on a busy machine."""
    with urllib.request.urlopen(f"{collector.url}{path}", timeout=120) as response:
        return Answer(response.status, response.headers, response.read())


def _send_long_texts(collector: RunningCollector, requests: int = 2) -> None:
    made = request(*(span(attributes={"a": "ab" * 2500}) for _ in range(1500)), service="api-slow")
    for _ in range(requests):
        assert collector.send(made.SerializeToString()).status == 200


# Regular expressions are matched in linear time, so it takes many, and long texts, to be slow.
SLOW = quote(" or ".join(f'span.a =~ "(a|b|ab|ba|aba)*[0-9]x{{{number}}}"' for number in range(95)))


def test_the_query_of_a_caller_who_hangs_up_is_stopped(new_collector: CollectorFactory) -> None:
    collector = new_collector("--query-timeout", "120s", "--max-queries", "1").start()
    _send_long_texts(collector, 16)
    wait_for(lambda: traces(collector, service="api-slow"), timeout_s=60)
    address = urlsplit(collector.url)
    assert address.hostname is not None
    caller = http.client.HTTPConnection(address.hostname, address.port)
    caller.request("GET", f"{API}/red?by=span.a&filter={SLOW}")
    answered = threading.Event()

    def other() -> None:
        collector.get(f"{API}/services")
        answered.set()

    time.sleep(0.5)
    waiting = threading.Thread(target=other)
    waiting.start()
    assert not answered.wait(0.5), "the slow query has the only turn"
    caller.close()
    assert answered.wait(15), "the turn is free once the caller is gone"
    waiting.join()


def test_a_query_that_takes_too_long_names_the_setting(new_collector: CollectorFactory) -> None:
    collector = new_collector("--query-timeout", "100ms").start()
    _send_long_texts(collector)

    def too_slow() -> Any:
        answer = collector.get(f"{API}/red?by=span.a&filter={SLOW}")
        return answer if answer.status == 503 else None

    answer = wait_for(too_slow, timeout_s=60)
    assert "SPANWISE_COLLECTOR_QUERY_TIMEOUT" in answer.json["error"]
    assert answer.headers["Retry-After"]


def test_reading_takes_the_read_token_and_keeping_the_write_token(new_collector: CollectorFactory) -> None:
    tokens = {"SPANWISE_COLLECTOR_READ_TOKEN": "r", "SPANWISE_COLLECTOR_WRITE_TOKEN": "w"}
    collector = new_collector(**tokens).start()
    read: dict[str, Any] = {"authorization": "Bearer r"}
    write: dict[str, Any] = {"authorization": "Bearer w"}
    trace_id = new_trace_id()
    collector.send(payload(span(trace_id=trace_id)), **write)
    one = f"{API}/traces/{trace_id}"
    wait_for(lambda: collector.get(one, **read).status == 200)
    for path in ("/traces", "/red", "/heatmap", "/facets", "/dependencies", "/attributes", "/pins", "/openapi.json"):
        assert collector.get(f"{API}{path}").status == 401
        assert collector.get(f"{API}{path}", **write).status == 401
        assert collector.get(f"{API}{path}", **read).status == 200
    for method, path in (("POST", f"{one}/pin"), ("DELETE", f"{one}/pin"), ("POST", f"{API}/export"), ("DELETE", one)):
        assert fetch(f"{collector.url}{path}", method).status == 401
        assert fetch(f"{collector.url}{path}", method, **read).status == 401
        assert fetch(f"{collector.url}{path}", method, origin="http://evil.example", **write).status == 403
        assert fetch(f"{collector.url}{path}", method, **write).status == 200
    assert collector.get(one, **read).status == 404


def test_an_export_is_otlp_that_can_be_sent_again(collector: RunningCollector) -> None:
    start = time.time_ns() - 3600 * 10**9
    sent = [span(start_ns=start + number, attributes={"n": number}) for number in range(5)]
    collector.send(payload(*sent, service="api-export"))
    collector.trace(sent[-1].trace_id.hex())
    collector.settle()
    answer = fetch(f"{collector.url}{API}/export?start={start}&end={start + 3}", "POST")
    assert answer.status == 200
    exported = ExportTraceServiceRequest.FromString(answer.body)
    spans = [
        one
        for resource_spans in exported.resource_spans
        for scope_spans in resource_spans.scope_spans
        for one in scope_spans.spans
    ]
    assert sorted(one.start_time_unix_nano - start for one in spans) == [0, 1, 2, 3]
    assert sorted(one.SerializeToString() for one in spans) == sorted(one.SerializeToString() for one in sent[:4])
    assert collector.send(answer.body).status == 200
