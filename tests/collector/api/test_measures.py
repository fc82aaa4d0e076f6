"""Rates, heatmaps and facets against plain counting of what was sent."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from spanwise_collector.query import BadSearchError, Measures, Question
from spanwise_collector.query.filter import parse, parse_field
from spanwise_collector.store import ClientPool, Store, insert
from tests.collector.otlp_requests import SECOND, new_span_id, new_trace_id, request, span

# A whole hour two days ago, so that no other test's spans are in it.
HOUR_NS = 3600 * SECOND
SPANS = 240


@pytest.fixture(scope="module")
def start_ns() -> int:
    return (time.time_ns() // HOUR_NS - 48) * HOUR_NS


@pytest.fixture
def measures(store: Store, pool: ClientPool, start_ns: int) -> Iterator[Measures]:
    """Of 240 spans in an hour, one each 15 s: every 4th failed, every 3rd sampled at 1 in 2, in turns of two hosts."""
    client = store.client()
    body = b""
    for number in range(SPANS):
        made = span(
            name=("GET /a", "GET /b")[number % 2],
            kind=(2, 3)[number % 5 == 4],
            start_ns=start_ns + number * 15 * SECOND,
            duration_ns=(10_000_000, 80_000_000)[number % 2],
            error=number % 4 == 0,
            trace_state="ot=th:8" if number % 3 == 0 else "",
            attributes={"http.route": f"/r{number % 6}", "size": number % 2} if number % 8 else {},
        )
        for name in ("retry", "retry", "done")[: number % 4]:
            made.events.add(name=name, time_unix_nano=start_ns)
        body += request(
            made, service=("measured", "measured-too")[number % 10 == 9], resource={"host.name": f"h{number % 2}"}
        ).SerializeToString()
    insert(client, body, "measures")
    client.close()
    yield Measures(pool)


def calls(number: int) -> float:
    return 2.0 if number % 3 == 0 else 1.0


def is_entry(number: int) -> bool:
    return number % 5 != 4


def question(start_ns: int, *filters: str, **given: Any) -> Question:
    chosen = tuple(parse(text) for text in ('service =~ "measured.*"', *filters))
    return Question(start_ns, start_ns + HOUR_NS, chosen, **given)


def red(measures: Measures, asked: Question, *by: str, step_s: int = 0, limit: int = 20) -> dict[Any, Any]:
    answer = measures.red(asked, [parse_field(name) for name in by], step_s, limit, (0.5, 0.99))
    series = [one | {"points": json.loads(one["points"])} for one in answer["series"]]
    return answer | {
        "series": series,
        "of": {tuple(group["value"] for group in one["group"]): one for one in series},
    }


def test_red_by_service_comes_from_the_minutes_and_is_weighted(measures: Measures, start_ns: int) -> None:
    answer = red(measures, question(start_ns), "service")
    assert answer["source"] == "minutes"
    entries = [number for number in range(SPANS) if is_entry(number) and number % 10 != 9]
    series = answer["of"][("measured",)]
    assert series["calls"] == sum(calls(number) for number in entries)
    assert sum(point["errors"] for point in series["points"]) == sum(calls(n) for n in entries if n % 4 == 0)
    assert len(series["points"]) == 60
    assert series["points"][0]["start_unix_nano"] == str(start_ns)
    assert answer["step_s"] == 60


def test_minutes_and_spans_agree(measures: Measures, start_ns: int) -> None:
    of_minutes = red(measures, question(start_ns), "service", "name", step_s=300)
    of_spans = red(measures, question(start_ns, "span.none exists or service exists"), "service", "name", step_s=300)
    assert (of_minutes["source"], of_spans["source"]) == ("minutes", "spans")
    assert of_minutes["series"] == of_spans["series"]


@pytest.mark.parametrize(
    ("field", "group"),
    [
        ("span.http.route", lambda number: f"/r{number % 6}" if number % 8 else None),
        ("span.size", lambda number: str(number % 2) if number % 8 else None),
        ("resource.host.name", lambda number: f"h{number % 2}"),
        ("kind", lambda number: ("server", "client")[number % 5 == 4]),
        ("status", lambda number: ("unset", "error")[number % 4 == 0]),
        ("scope:name", lambda number: "tests"),
        ("span.missing", lambda number: None),
    ],
)
def test_red_by_any_field(measures: Measures, start_ns: int, field: str, group: Any) -> None:
    answer = red(measures, question(start_ns, "scope:name exists", entries_only=False), field)
    expected: dict[Any, float] = {}
    for number in range(SPANS):
        expected[(group(number),)] = expected.get((group(number),), 0) + calls(number)
    assert {key: series["calls"] for key, series in answer["of"].items()} == expected
    assert answer["series"][0]["calls"] == max(expected.values())


def test_fewer_series_than_there_are(measures: Measures, start_ns: int) -> None:
    answer = red(measures, question(start_ns), "span.http.route", limit=2)
    assert len(answer["series"]) == 2
    assert answer["dropped_series"] == 5


def test_quantiles_are_within_their_bucket(measures: Measures, start_ns: int) -> None:
    answer = red(measures, question(start_ns, 'name = "GET /b"'), "name", step_s=3600)
    (point,) = answer["of"][("GET /b",)]["points"]
    for quantile in ("0.5", "0.99"):
        assert point["durations_ns"][quantile] == pytest.approx(80_000_000, rel=0.19)


def test_spans_that_weigh_nothing_are_in_no_quantile(store: Store, pool: ClientPool) -> None:
    """They were kept for another reason than their probability: the calls of their minute are those of others."""
    start_ns = (time.time_ns() // HOUR_NS - 60) * HOUR_NS
    client = store.client()
    kept = [span(start_ns=start_ns + n, duration_ns=1000, trace_state="spanwise=kept:slow") for n in range(3)]
    later = span(start_ns=start_ns + 60 * SECOND, duration_ns=80_000_000)
    alone = span(start_ns=start_ns + 120 * SECOND, duration_ns=0, trace_state="spanwise=kept:error")
    made = request(*kept, span(start_ns=start_ns, duration_ns=10_000_000), later, alone, service="kept")
    insert(client, made.SerializeToString(), "kept")
    client.close()
    for filters in ((parse('service = "kept"'),), (parse('service = "kept" and not span.a exists'),)):
        asked = Question(start_ns, start_ns + 180 * SECOND, filters)
        answer = Measures(pool).red(asked, [parse_field("service")], 60, 5, (0.0, 0.5, 1.0))
        points = json.loads(answer["series"][0]["points"])
        assert [point["calls"] for point in points] == [1.0, 1.0, 0.0]
        for point, duration_ns in zip(points, (10_000_000, 80_000_000), strict=False):
            assert all(value == pytest.approx(duration_ns, rel=0.19) for value in point["durations_ns"].values())
            assert point["durations_ns"]["0"] < point["durations_ns"]["0.5"] < point["durations_ns"]["1"]
        assert points[2]["durations_ns"] == {"0": None, "0.5": None, "1": None}


def test_a_heatmap_has_every_call_once(measures: Measures, start_ns: int) -> None:
    for filters in ((), ("span.size = 1 or not span.size = 1",)):
        answer = measures.heatmap(question(start_ns, *filters), 600)
        assert answer["source"] == ("spans" if filters else "minutes")
        entries = [number for number in range(SPANS) if is_entry(number)]
        assert sum(cell["calls"] for cell in answer["cells"]) == sum(calls(number) for number in entries)
        assert sum(cell["errors"] for cell in answer["cells"]) == sum(calls(n) for n in entries if n % 4 == 0)
        for cell in answer["cells"]:
            low, high = cell["min_duration_ns"], cell["max_duration_ns"]
            assert any(low <= duration < high for duration in (10_000_000, 80_000_000))
        assert len(answer["cells"]) == 12


def test_facets_count_spans_of_any_scope(measures: Measures, start_ns: int) -> None:
    fields = ["service", "span.http.route", "span.size", "resource.host.name", "event:name", "status", "span.missing"]
    asked = question(start_ns, entries_only=False)
    answer = measures.facets(asked, [parse_field(name) for name in fields], 10, 60)
    facets = {one["field"]: {value["value"]: value for value in one["values"]} for one in answer["facets"]}
    assert all(one["complete"] and one["start_unix_nano"] == str(start_ns) for one in answer["facets"])
    assert {name: value["span_count"] for name, value in facets["service"].items()} == {
        "measured": 216, "measured-too": 24,
    }  # fmt: skip
    of_route = [number for number in range(SPANS) if number % 6 == 1 and number % 8]
    assert facets["span.http.route"]["/r1"] == {
        "type": "string",
        "value": "/r1",
        "span_count": len(of_route),
        "calls": sum(calls(number) for number in of_route),
        "error_count": 0,
    }
    assert facets["span.http.route"][None]["span_count"] == 30
    assert facets["span.size"]["1"]["type"] == "int"
    assert facets["resource.host.name"]["h0"]["span_count"] == 120
    assert facets["event:name"]["retry"]["span_count"] == 180, "a span counts once, however many events of the name"
    assert facets["event:name"]["done"]["span_count"] == 60
    assert facets["status"]["error"] == {
        "type": "string", "value": "error", "span_count": 60, "error_count": 60, "calls": 80.0,
    }  # fmt: skip
    assert facets["span.missing"] == {
        None: {"type": "missing", "value": None, "span_count": 240, "calls": 320.0, "error_count": 60}
    }


def test_a_facet_without_time_says_how_far_it_looked(measures: Measures, start_ns: int) -> None:
    (facet,) = measures.facets(question(start_ns), [parse_field("service")], 10, 0)["facets"]
    assert facet == {
        "field": "service", "values": [], "complete": False, "start_unix_nano": str(start_ns + HOUR_NS),
    }  # fmt: skip


def test_limits_name_what_to_change(measures: Measures, start_ns: int) -> None:
    with pytest.raises(BadSearchError, match="larger one"):
        measures.heatmap(Question(0, start_ns), 1)
    with pytest.raises(BadSearchError, match="larger step"):
        red(measures, question(start_ns, entries_only=False), "span.http.route", step_s=1)


def test_an_odd_field_is_bound_not_written(measures: Measures, start_ns: int) -> None:
    field = parse_field('span."\' OR 1=1 -- {x}"')
    (facet,) = measures.facets(question(start_ns), [field], 10, 60)["facets"]
    assert [value["type"] for value in facet["values"]] == ["missing"]
    assert facet["field"] == 'span."\' OR 1=1 -- {x}"'


def test_a_trace_of_another_time_is_not_counted(measures: Measures, store: Store, start_ns: int) -> None:
    client = store.client()
    late = span(trace_id=new_trace_id(), span_id=new_span_id(), start_ns=start_ns + HOUR_NS)
    insert(client, request(late, service="measured-late").SerializeToString(), "measures-late")
    client.close()
    assert red(measures, question(start_ns, "service = measured-late"), "service")["series"] == []
