"""Tempo's API over HTTP, on the golden traces, decoded as Grafana's plugin and Drilldown decode it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from tests.collector.conftest import CollectorFactory
from tests.collector.golden.traces import ODD_KEYS, TYPED, GoldenTrace, service, span_id, trace_id
from tests.collector.otlp_requests import SECOND, new_trace_id, payload, span
from tests.collector.running_collector import Answer, RunningCollector
from tests.collector.tempo import strictly

MS = 10**6
SECOND_AGO = 20 * 60


@pytest.fixture(scope="module")
def api(collector: RunningCollector, golden: dict[str, GoldenTrace]) -> RunningCollector:
    return collector


def ask(api: RunningCollector, path: str, **arguments: Any) -> Answer:
    now = time.time_ns() // SECOND
    return api.get(f"/api/{path}?{urlencode({'start': now - SECOND_AGO, 'end': now + 60} | arguments)}")


def search(api: RunningCollector, q: str, **arguments: Any) -> list[dict[str, Any]]:
    answer = ask(api, "search", q=q, **({"limit": 500, "spss": 20} | arguments))
    assert answer.status == 200, answer.body
    strictly.search_response(answer.json)
    traces: list[dict[str, Any]] = answer.json["traces"]
    return traces


def found(api: RunningCollector, q: str) -> set[str]:
    return {trace["traceID"] for trace in search(api, q)}


def attributes(one: dict[str, Any]) -> dict[str, Any]:
    return {item["key"]: item["value"] for item in one["attributes"]}


def of_message(message: TracesData) -> Iterator[Span]:
    for resource_spans in message.resource_spans:
        assert resource_spans.HasField("resource") and resource_spans.resource.attributes
        for scope_spans in resource_spans.scope_spans:
            assert scope_spans.HasField("scope")
            for one in scope_spans.spans:
                assert one.HasField("status") and one.end_time_unix_nano >= one.start_time_unix_nano
                assert len(one.trace_id) == 16 and len(one.span_id) == 8
                yield one


def test_saving_the_data_source(api: RunningCollector) -> None:
    assert api.get("/api/echo").status == 200 and api.get("/api/echo").body == b"echo"
    version = api.get("/api/status/buildinfo").json["version"]
    assert tuple(map(int, version.split("."))) >= (2, 6, 0)


def test_a_trace_by_id_as_protobuf(api: RunningCollector, golden: dict[str, GoldenTrace]) -> None:
    for trace in golden.values():
        answer = api.get(f"/api/v2/traces/{trace.trace_id}?start=1&end=2", accept="application/protobuf")
        assert answer.status == 200 and answer.headers["Content-Type"] == "application/protobuf"
        spans = list(of_message(TracesData.FromString(strictly.trace_of_response(answer.body))))
        assert len(spans) == trace.spans and {one.trace_id.hex() for one in spans} == {trace.trace_id}
        v1 = api.get(f"/api/traces/{trace.trace_id}", accept="application/protobuf")
        assert len(list(of_message(TracesData.FromString(v1.body)))) == trace.spans


def test_a_trace_by_id_as_json(api: RunningCollector) -> None:
    answer = api.get(f"/api/v2/traces/{trace_id('plain')}", accept="application/json").json
    spans = [one for r in answer["trace"]["resourceSpans"] for s in r["scopeSpans"] for one in s["spans"]]
    assert {one["name"] for one in spans} == {"GET /cart", "GET", "GET /items", "SELECT items"}


def test_a_short_id_and_one_that_is_not_there(api: RunningCollector) -> None:
    short = trace_id("short-id")[:16]
    assert api.get(f"/api/v2/traces/{short}", accept="application/protobuf").status == 200
    for path in ("/api/v2/traces", "/api/traces"):
        assert api.get(f"{path}/{new_trace_id()}", accept="application/protobuf").status == 404
    assert api.get("/api/v2/traces/nothing").status == 400


def test_a_hundred_thousand_spans(api: RunningCollector, large: GoldenTrace) -> None:
    answer = api.get(f"/api/v2/traces/{large.trace_id}", accept="application/protobuf")
    assert len(list(of_message(TracesData.FromString(strictly.trace_of_response(answer.body))))) == large.spans
    (trace,) = [one for one in search(api, '{ name = "step 7" } | count() > 500', spss=2)
                if one["traceID"] == large.trace_id]  # fmt: skip
    assert trace["spanSets"][0]["matched"] == large.spans // 100 and len(trace["spanSets"][0]["spans"]) == 2


def test_what_a_search_answers(api: RunningCollector) -> None:
    page = f'resource.service.name = "{service("page")}"'
    q = f"{{ {page} && kind = client }} | select(status, resource.host.name, duration)"
    (trace,) = search(api, q)
    assert trace["traceID"] == trace_id("plain")
    assert (trace["rootServiceName"], trace["rootTraceName"]) == (service("page"), "GET /cart")
    assert trace["durationMs"] == 500
    assert trace["serviceStats"] == {
        service("page"): {"spanCount": 2, "errorCount": 0}, service("shop"): {"spanCount": 2, "errorCount": 0},
    }  # fmt: skip
    (spanset,) = trace["spanSets"]
    (one,) = spanset["spans"]
    assert (spanset["matched"], one["spanID"], one["name"]) == (1, span_id("plain call"), "GET")
    assert one["durationNanos"] == str(300 * MS)
    assert attributes(one) == {
        "service.name": {"stringValue": service("page")}, "kind": {"stringValue": "client"},
        "status": {"stringValue": "unset"}, "host.name": {"stringValue": "host-1"},
    }  # fmt: skip


def test_spansets_say_what_they_are_grouped_by(api: RunningCollector) -> None:
    services = f'resource.service.name =~ "{service("page")}|{service("shop")}"'
    q = f"{{ {services} }} | by(resource.service.name) | avg(duration) > 1ms"
    (trace,) = search(api, q)
    labels = {attributes(spanset)["by(resource.service.name)"]["stringValue"]: attributes(spanset)
              for spanset in trace["spanSets"]}  # fmt: skip
    assert labels[service("page")]["avg(duration)"] == {"stringValue": "400ms"}
    assert labels[service("shop")]["avg(duration)"] == {"stringValue": "125ms"}


def test_every_type_is_shown(api: RunningCollector) -> None:
    keys = [key for key in TYPED if key != "unset"]
    q = f'{{ resource.service.name = "{service("typed")}" }} | select({", ".join(f"span.{key}" for key in keys)})'
    shown = attributes(search(api, q)[0]["spanSets"][0]["spans"][0])
    assert shown["yes"] == {"boolValue": True} and shown["half"] == {"doubleValue": 0.5}
    assert shown["greatest"] == {"intValue": str(2**63 - 1)} and shown["text"] == {"stringValue": TYPED["text"]}
    assert shown["nan"] == {"doubleValue": "NaN"} and shown["blob"] == {"bytesValue": "AP8="}
    assert [len(one) for one in shown["list"]["arrayValue"]["values"]] == [1, 1, 1]
    assert set(keys) <= set(shown)


@pytest.mark.parametrize(
    ("q", "name"),
    [
        ('{ span.yes = true && span.no = false && span.half = 0.5 && span.greatest = 9223372036854775807 }', "typed"),
        ("{ span.least < -9223372036854775807 }", "typed"),
        ('{ span.looks.true = "true" && span.looks.number = "12" }', "typed"),
        ("{ event.half = 0.5 && link.one = 1 && resource.replicas = 3 && resource.canary = true }", "typed"),
        ('{ resource.service.name = "unknown_service" && name = "bare" }', "bare"),
        ('{ rootName = "orphan 1" }', "rootless"),
        ('{ span.path/with/slash = "v/1" && span."with space" = "v 2" && span."quo\\"te" = "v3" && span.schön = "v4" }',
         "odd-keys"),
        ('{ name = "first" } && { name = "second" } && { name = "child" }', "duplicates"),
        (f'{{ .service.name = "{service("on-time")}" }} > {{ .service.name = "{service("slow-clock")}" }}', "skewed"),
        ('{ name = "set back" && duration = 0 }', "backwards"),
        ("{ kind = producer } > { kind = consumer }", "async"),
        ('{ statusMessage = "card refused" && event:name = "exception" }', "failed"),
        ('{ event.exception.type = "CardError" }', "failed"),
        ('{ name = "" && duration = 0 }', "nameless"),
        ("{ span:multiplier > 9.8 && span:multiplier < 9.9 }", "plain"),
        (f'{{ trace:id = "{trace_id("async")}" }}', "async"),
        (f'{{ span:id = "{span_id("plain call")}" }}', "plain"),
        (f'{{ link:traceID = "{trace_id("plain")}" && kind = consumer }}', "async"),
    ],
)  # fmt: skip
def test_each_hazard_is_found(api: RunningCollector, q: str, name: str) -> None:
    assert trace_id(name) in found(api, q) or f"{'0' * 16}{trace_id(name)[:16]}" in found(api, q)


def test_newest_first_and_no_more_than_asked_for(api: RunningCollector) -> None:
    starts = [int(trace["startTimeUnixNano"]) for trace in search(api, "{}", limit=5)]
    assert len(starts) == 5 and starts == sorted(starts, reverse=True)
    assert len(search(api, '{ resource.service.name =~ "golden-.*" }', limit=3)) == 3


def test_drilldown_s_structure_is_a_tree(api: RunningCollector) -> None:
    f = f'nestedSetParent<0 && resource.service.name="{service("failed")}"'
    q = (f"({{{f}}} &>> {{ status = error }}) || ({{{f}}})"
         " | select(status, resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight)")  # fmt: skip
    (trace,) = search(api, q, limit=200, spss=20)
    spans = {one["name"]: attributes(one) for one in trace["spanSets"][0]["spans"]}
    numbers = {
        name: tuple(int(shown[f"nestedSet{key}"]["intValue"]) for key in ("Left", "Right", "Parent"))
        for name, shown in spans.items()
    }
    assert numbers == {"GET /pay": (1, 4, -1), "charge": (2, 3, 1)}
    assert {shown["status"]["stringValue"] for shown in spans.values()} == {"error"}
    assert {shown["service.name"]["stringValue"] for shown in spans.values()} == {service("failed")}


def test_drilldown_s_exceptions(api: RunningCollector) -> None:
    q = ("{nestedSetParent<0 && status=error} | select(resource.service.name,event.exception.message,"
         "event.exception.stacktrace,event.exception.type) with(most_recent=true)")  # fmt: skip
    (trace,) = [one for one in search(api, q) if one["traceID"] == trace_id("failed")]
    shown = attributes(trace["spanSets"][0]["spans"][0])
    assert shown["exception.message"] == {"stringValue": "refused"}
    assert shown["exception.type"] == {"stringValue": "CardError"} and "exception.stacktrace" not in shown


PRIMARY = ("nestedSetParent<0", "true", "kind=server", "kind=consumer", 'span.db.system.name!=""')


@pytest.mark.parametrize("f", PRIMARY)
@pytest.mark.parametrize(
    "metric",
    [
        "{} | rate()",
        "{F && status=error} | rate() by(resource.service.name) with(sample=true)",
        "{F} | quantile_over_time(duration, 0.9) by(resource.service.name)",
        "{F} | histogram_over_time(duration) with(sample=true)",
        "{F} | compare({status=error})",
    ],
)
def test_drilldown_s_metrics(api: RunningCollector, f: str, metric: str) -> None:
    answer = ask(api, "metrics/query_range", q=metric.replace("F", f), step="30s", exemplars=50)
    assert answer.status == 200, answer.body
    strictly.query_range_response(answer.json)
    assert answer.json["status"] == "COMPLETE"


def test_a_range_has_times_in_milliseconds_and_links_to_traces(api: RunningCollector) -> None:
    page = f'resource.service.name = "{service("page")}"'
    q = f"{{ {page} && nestedSetParent < 0 }} | count_over_time() by(resource.service.name)"
    answer = ask(api, "metrics/query_range", q=q, step="1m").json
    (series,) = answer["series"]
    assert series["labels"] == [{"key": "resource.service.name", "value": {"stringValue": service("page")}}]
    times = [int(sample["timestampMs"]) for sample in series["samples"]]
    assert all(later - earlier == 60_000 and earlier % 60_000 == 0 for earlier, later in pairwise(times))
    # Of one span in about ten that was sampled: ot=th:e6.
    assert sum(sample["value"] for sample in series["samples"]) == pytest.approx(256 / (256 - 0xE6))
    (exemplar,) = series["exemplars"]
    assert exemplar["labels"] == [{"key": "trace:id", "value": {"stringValue": trace_id("plain")}}]
    assert exemplar["value"] > 0 and int(exemplar["timestampMs"]) > 0


def test_a_kept_span_counts_nothing_but_shows(api: RunningCollector) -> None:
    q = f'{{ resource.service.name = "{service("failed")}" }}'
    assert {trace["traceID"] for trace in search(api, q)} == {trace_id("failed")}
    (series,) = ask(api, "metrics/query", q=f"{q} | count_over_time()").json["series"]
    assert series == {"labels": [{"key": "__name__", "value": {"stringValue": "count_over_time"}}], "value": 0.0}


@pytest.mark.parametrize(
    "metric",
    ["rate()", "max_over_time(duration) by(name)", "quantile_over_time(duration, .5, .9)",
     "histogram_over_time(duration)", "compare({ kind = client })", "rate() by(kind) | topk(2)"],
)  # fmt: skip
def test_an_instant(api: RunningCollector, metric: str) -> None:
    answer = ask(api, "metrics/query", q=f"{{}} | {metric}")
    assert answer.status == 200, answer.body
    strictly.query_instant_response(answer.json)
    assert answer.json["series"]


def test_names_of_tags(api: RunningCollector) -> None:
    answer = ask(api, "v2/search/tags", limit=5000).json
    strictly.tags_response(answer)
    scopes = {scope["name"]: scope["tags"] for scope in answer["scopes"]}
    assert {"service.name", "host.name", "canary"} <= set(scopes["resource"])
    assert {"http.request.method", *ODD_KEYS} <= set(scopes["span"])
    assert "exception.type" in scopes["event"] and "half" in scopes["link"]
    assert {"duration", "kind", "name", "rootName", "rootServiceName", "status", "statusMessage", "traceDuration",
            "span:id"} <= set(scopes["intrinsic"])  # fmt: skip
    (only,) = ask(api, "v2/search/tags", scope="event").json["scopes"]
    assert only["name"] == "event"
    filtered = ask(api, "v2/search/tags", q=f'{{ resource.service.name = "{service("failed")}" }}').json
    tags = {scope["name"]: scope["tags"] for scope in filtered["scopes"]}
    assert tags["event"] == ["exception.message", "exception.type"] and "span" not in tags
    assert set(ODD_KEYS) <= set(ask(api, "search/tags").json["tagNames"])


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("resource.service.name", ("string", service("page"))), ("span.path/with/slash", ("string", "v/1")),
        ('span."with space"', ("string", "v 2")), ("span.half", ("float", "0.5")), ("span.yes", ("bool", "true")),
        ("span.one", ("int", "1")), ("event.exception.type", ("string", "CardError")), ("link.one", ("int", "1")),
        ("status", ("keyword", "error")), ("kind", ("keyword", "server")), ("name", ("string", "GET /cart")),
        ("span:name", ("string", "GET /cart")), ("rootName", ("string", "GET /cart")),
        ("event:name", ("string", "exception")), (".host.name", ("string", "host-1")),
        ("host.name", ("string", "host-1")),
        ("statusMessage", ("string", "card refused")), ("instrumentation:name", ("string", "tests")),
    ],
)  # fmt: skip
def test_values_of_a_tag(api: RunningCollector, tag: str, expected: tuple[str, str]) -> None:
    for written in (quote(tag), quote(tag, safe="")):
        answer = api.get(f"/api/v2/search/tag/{written}/values?limit=5000&tag={quote(tag, safe='')}")
        strictly.values_response(answer.json)
        assert {"type": expected[0], "value": expected[1]} in answer.json["tagValues"]
    values = ask(api, f"search/tag/{quote(tag)}/values").json["tagValues"]
    assert expected[1] in values


def test_values_are_filtered_by_what_is_written_so_far(api: RunningCollector) -> None:
    page = f'resource.service.name="{service("page")}"'
    for q in (f"{{ {page} }}", f"{{ {page} && name= }}", f"{{ {page} && "):
        answer = ask(api, "v2/search/tag/name/values", q=q)
        assert {value["value"] for value in answer.json["tagValues"]} == {"GET /cart", "GET"}, q
    for q in ("{ }", "{", "{ resource.service.name= }", "{ name=", "x", "{} | "):
        answer = ask(api, "v2/search/tag/name/values", q=q)
        assert answer.status == 200 and len(answer.json["tagValues"]) > 2, q


def test_the_search_before_traceql(api: RunningCollector) -> None:
    def legacy(**arguments: Any) -> set[str]:
        answer = ask(api, "search", limit=500, **arguments)
        assert answer.status == 200, answer.body
        strictly.search_response(answer.json)
        return {trace["traceID"] for trace in answer.json["traces"]}

    assert legacy(tags=f"service.name={service('page')}") == {trace_id("plain")}
    assert legacy(tags='http.response.status_code=200 name="GET /items"') == {trace_id("plain")}
    assert legacy(tags="yes=true") == {trace_id("typed")} and legacy(tags="looks.number=12") == {trace_id("typed")}
    assert trace_id("failed") in legacy(tags="status.code=error")
    assert trace_id("plain") in legacy(minDuration="400ms", maxDuration="600ms")
    assert trace_id("plain") not in legacy(minDuration="501ms") and legacy(tags='root.name="GET /cart"')


@pytest.mark.parametrize(
    ("path", "arguments", "named"),
    [
        ("search", {"q": "{ resource.service.name= }"}, "column 26"),
        ("search", {"q": "{ kind = 1 }"}, "a kind cannot be compared with a number"),
        ("search", {"q": '{ name =~ "(" }'}, "not a regular expression"),
        ("search", {"q": "{} | rate()"}, "/api/metrics/query_range"),
        ("search", {"q": "{}", "limit": "many"}, "limit"),
        ("search", {"q": "{}", "start": "soon"}, "start"),
        ("search", {"tags": "x"}, "tags"),
        ("search", {"tags": "status.code=bad"}, "status.code"),
        ("search", {"minDuration": "long"}, "minDuration"),
        ("metrics/query_range", {"q": "{}"}, "rate()"),
        ("metrics/query_range", {"q": "{} | rate()", "step": "x"}, "step"),
        ("metrics/query_range", {"q": "{} | rate()", "step": "1ms"}, "11000"),
        ("metrics/query_range", {"q": "{} | rate()", "start": "20", "end": "10"}, "start"),
        ("metrics/query", {"q": "{} | rate("}, "column 11"),
        ("v2/search/tags", {"scope": "x"}, "scope"),
    ],
)
def test_what_cannot_be_used_is_named(api: RunningCollector, path: str, arguments: dict[str, str], named: str) -> None:
    answer = ask(api, path, **arguments)
    assert answer.status == 400 and named in answer.json["error"] and "\n" not in answer.json["error"], answer.body


def test_a_query_that_takes_too_long_names_its_setting(new_collector: CollectorFactory) -> None:
    running = new_collector("--query-timeout", "100ms").start()
    spans = [span(start_ns=time.time_ns() - n, attributes={f"key {n}": "x" * 50}) for n in range(20_000)]
    for first in range(0, len(spans), 5_000):
        assert running.send(payload(*spans[first : first + 5_000])).status == 200
    slow = " || ".join(f'({{ span.a =~ ".*{n}.*" }} >> {{ span.b =~ ".*{n}.*" }})' for n in range(8))
    answer = running.get(f"/api/metrics/query_range?q={quote(slow + ' | rate()')}")
    assert answer.status == 503 and "SPANWISE_COLLECTOR_QUERY_TIMEOUT" in answer.json["error"]


def test_of_too_many_series_the_answer_is_partial(new_collector: CollectorFactory) -> None:
    running = new_collector("--max-series", "2").start()
    for name in ("a", "b", "c"):
        last = new_trace_id()
        running.send(payload(span(trace_id=last, name=name)))
        running.trace(last)
    answer = running.get(f"/api/metrics/query_range?q={quote('{} | rate() by(name)')}").json
    strictly.query_range_response(answer)
    assert answer["status"] == "PARTIAL" and len(answer["series"]) == 2
    assert "SPANWISE_COLLECTOR_MAX_SERIES" in answer["message"]
