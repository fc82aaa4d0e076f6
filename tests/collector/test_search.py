"""Search: newest first, filters, pages."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from spanwise_collector.query import BadSearchError, Binder, Search, TraceSearch
from spanwise_collector.query.filter import condition, parse
from spanwise_collector.store import ClientPool, Store, insert
from tests.collector.otlp_requests import SECOND, new_span_id, new_trace_id, payload, span

NOW = time.time_ns()
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    opened = store.client()
    yield opened
    opened.close()


@pytest.fixture
def search(pool: ClientPool) -> TraceSearch:
    return TraceSearch(pool, oldest_age_s=7 * 86_400, clock_ns=lambda: NOW)


def ids(answer: dict[str, Any]) -> list[str]:
    return [trace["trace_id"] for trace in answer["traces"]]


def all_pages(search: TraceSearch, **parameters: Any) -> list[str]:
    found: list[str] = []
    page = ""
    while True:
        answer = search.search(Search(page=page, **parameters))
        found += ids(answer)
        if answer["next_page"] is None:
            return found
        page = answer["next_page"]


def test_newest_first_over_minutes_hours_and_days(client: Any, search: TraceSearch) -> None:
    ages = [3 * 24 * HOUR, 10 * HOUR, 2 * HOUR, 20 * MINUTE, 70 * SECOND, 50 * SECOND, SECOND]
    sent = [(new_trace_id(), NOW - age) for age in ages]
    insert(client, payload(*(span(trace_id=i, start_ns=start) for i, start in sent), service="ages"), "ages")
    newest_first = [trace_id for trace_id, _ in reversed(sent)]
    assert ids(search.search(Search(service="ages"))) == newest_first
    for limit in (1, 2, 3):
        assert all_pages(search, service="ages", limit=limit) == newest_first


def test_pages_of_equal_starts_neither_repeat_nor_miss(client: Any, search: TraceSearch) -> None:
    sent = [new_trace_id() for _ in range(25)]
    insert(client, payload(*(span(trace_id=i, start_ns=NOW - SECOND) for i in sent), service="equal"), "equal")
    assert all_pages(search, service="equal", limit=4) == sorted(sent)


def test_what_arrives_meanwhile_does_not_shift_the_pages(client: Any, search: TraceSearch) -> None:
    old = [(new_trace_id(), NOW - (10 + i) * SECOND) for i in range(6)]
    insert(client, payload(*(span(trace_id=i, start_ns=s) for i, s in old), service="shift"), "shift-1")
    first = search.search(Search(service="shift", limit=3))
    insert(client, payload(span(start_ns=NOW - SECOND), service="shift"), "shift-2")
    second = search.search(Search(service="shift", limit=3, page=first["next_page"]))
    assert ids(first) + ids(second) == [trace_id for trace_id, _ in old]
    assert second["next_page"] is None


def test_a_summary_has_root_services_and_counts(client: Any, search: TraceSearch) -> None:
    trace_id, root = new_trace_id(), new_span_id()
    start = NOW - 5 * SECOND
    insert(
        client,
        payload(
            span(trace_id=trace_id, span_id=root, name="GET /albums", start_ns=start, duration_ns=900), service="gw"
        )
        + payload(
            span(trace_id=trace_id, parent=root, name="query", start_ns=start + 100, duration_ns=1000, error=True),
            span(
                trace_id=trace_id, parent=root, name="earlier, by a skewed clock", start_ns=start - 50, duration_ns=10
            ),
            service="catalog-of-gw",
        ),
        "summary",
    )
    (found,) = search.search(Search(service="gw"))["traces"]
    assert found == {
        "trace_id": trace_id,
        "root_service": "gw",
        "root_name": "GET /albums",
        "start_unix_nano": str(start - 50),
        "duration_ns": 1150,
        "span_count": 3,
        "error_count": 1,
        "services": [
            {"name": "catalog-of-gw", "span_count": 2, "error_count": 1},
            {"name": "gw", "span_count": 1, "error_count": 0},
        ],
    }


def test_without_a_root_the_earliest_span_stands_for_it(client: Any, search: TraceSearch) -> None:
    trace_id = new_trace_id()
    insert(
        client,
        payload(
            span(trace_id=trace_id, parent=new_span_id(), name="second", start_ns=NOW - SECOND),
            span(trace_id=trace_id, parent=new_span_id(), name="first", start_ns=NOW - 2 * SECOND),
            service="rootless",
        ),
        "rootless",
    )
    (found,) = search.search(Search(service="rootless"))["traces"]
    assert (found["root_service"], found["root_name"]) == ("rootless", "first")


def test_a_trace_in_several_batches_is_one(client: Any, search: TraceSearch) -> None:
    trace_id, root = new_trace_id(), new_span_id()
    start = NOW - 2 * MINUTE
    for i in range(4):
        one = span(trace_id=trace_id, parent=root, start_ns=start + i * 45 * SECOND, duration_ns=SECOND, error=i == 3)
        insert(client, payload(one, service="batches"), f"batches-{i}")
    (found,) = search.search(Search(service="batches"))["traces"]
    assert (found["span_count"], found["duration_ns"], found["error_count"]) == (4, 136 * SECOND, 1)
    judged = Search(service="batches", only_errors=True, min_duration_ns=135 * SECOND, max_duration_ns=137 * SECOND)
    assert ids(search.search(judged)) == [trace_id]


def test_filters(client: Any, search: TraceSearch) -> None:
    fast, slow, failed = new_trace_id(), new_trace_id(), new_trace_id()
    insert(
        client,
        payload(
            span(trace_id=fast, name="fast", start_ns=NOW - 3 * SECOND, duration_ns=10**6),
            span(trace_id=slow, name="slow", start_ns=NOW - 2 * SECOND, duration_ns=10**9),
            span(trace_id=failed, name="failed", start_ns=NOW - SECOND, duration_ns=10**7, error=True),
            service="filters",
        ),
        "filters",
    )

    def found(**parameters: Any) -> list[str]:
        return ids(search.search(Search(service="filters", **parameters)))

    assert found() == [failed, slow, fast]
    assert found(operation="slow") == [slow]
    assert found(operation="none such") == []
    assert found(only_errors=True) == [failed]
    assert found(min_duration_ns=10**7) == [failed, slow]
    assert found(max_duration_ns=10**7) == [failed, fast]
    assert found(min_duration_ns=10**7, max_duration_ns=10**8) == [failed]
    assert found(start_ns=NOW - 2 * SECOND) == [failed, slow]
    assert found(end_ns=NOW - 2 * SECOND) == [slow, fast]
    assert found(start_ns=NOW - 2 * SECOND, end_ns=NOW - 2 * SECOND) == [slow]
    assert ids(search.search(Search(operation="slow"))) == [slow]
    assert ids(search.search(Search(service="no such service"))) == []


def test_traces_found_by_a_later_span_are_in_the_order_of_their_starts(client: Any, search: TraceSearch) -> None:
    """Of 160 traces in three hours, each with up to four spans within five minutes, against the obvious."""
    draw = random.Random(160)
    spans, starts = [], {}
    for _ in range(160):
        trace_id, start = (
            new_trace_id(),
            NOW - draw.choice((2 * MINUTE, 20 * MINUTE, 3 * HOUR)) + draw.randrange(MINUTE),
        )
        offsets = [0, *(draw.randrange(5 * MINUTE) for _ in range(draw.randrange(4)))]
        names = [draw.choice(("wanted", "also", "other")) for _ in offsets]
        spans += [
            span(trace_id=trace_id, name=name, start_ns=start + offset, duration_ns=draw.randrange(MINUTE))
            for name, offset in zip(names, offsets, strict=True)
        ]
        own = spans[-len(offsets) :]
        starts[trace_id] = (start, max(one.end_time_unix_nano for one in own) - start, set(names))
    insert(client, payload(*spans, service="later"), "later")

    def expected(names: set[str], start_ns: int = 0, end_ns: int = NOW, min_duration_ns: int = 0) -> list[str]:
        fitting = [
            (-start, trace_id)
            for trace_id, (start, duration, own) in starts.items()
            if names <= own and start_ns <= start <= end_ns and duration >= min_duration_ns
        ]
        return [trace_id for _, trace_id in sorted(fitting)]

    for limit in (1, 7, 200):
        assert all_pages(search, service="later", operation="wanted", limit=limit) == expected({"wanted"})
    between = {"start_ns": NOW - 3 * HOUR + 10 * SECOND, "end_ns": NOW - 20 * MINUTE + 30 * SECOND}
    assert all_pages(search, operation="wanted", limit=5, **between) == expected({"wanted"}, **between)
    binder = Binder()
    both = tuple(condition(parse(f"name = {name}"), binder) for name in ("wanted", "also"))
    assert all_pages(
        search, service="later", conditions=both, parameters=binder.parameters, limit=3, **between
    ) == expected({"wanted", "also"}, **between)
    few = 4 * MINUTE + 30 * SECOND
    assert expected({"wanted"}, min_duration_ns=few)
    assert all_pages(search, operation="wanted", limit=2, min_duration_ns=few) == expected(
        {"wanted"}, min_duration_ns=few
    )


def test_a_trace_that_began_before_the_window_is_not_in_it(client: Any, search: TraceSearch) -> None:
    trace_id = new_trace_id()
    early = span(trace_id=trace_id, start_ns=NOW - HOUR, duration_ns=HOUR)
    late = span(trace_id=trace_id, parent=early.span_id.hex(), start_ns=NOW - SECOND)
    insert(client, payload(early, late, service="long"), "long")
    assert ids(search.search(Search(service="long", start_ns=NOW - MINUTE))) == []
    (found,) = search.search(Search(service="long"))["traces"]
    assert (found["start_unix_nano"], found["span_count"]) == (str(NOW - HOUR), 2)


def test_a_clock_that_is_ahead_is_found(client: Any, search: TraceSearch) -> None:
    trace_id = new_trace_id()
    insert(client, payload(span(trace_id=trace_id, start_ns=NOW + 5 * HOUR), service="ahead"), "ahead")
    assert ids(search.search(Search(service="ahead"))) == [trace_id]


@pytest.mark.parametrize("page", ["x", "!!!", "MTIz", "LTEuYQ"])
def test_a_made_up_page_is_refused(search: TraceSearch, page: str) -> None:
    with pytest.raises(BadSearchError, match="next_page"):
        search.search(Search(page=page))


def test_text_that_looks_like_sql_is_only_text(search: TraceSearch) -> None:
    for text in ("'", "\\", "' OR 1=1 --", "{service:String}", "\\'; DROP TABLE spans", "\0", "%s", "ü\n"):
        assert ids(search.search(Search(service=text, operation=text))) == []


def test_sorted_by_duration_spans_and_errors(client: Any, search: TraceSearch) -> None:
    # (trace id, duration, spans, errors), oldest first
    made = [
        (new_trace_id(), duration, spans, errors) for duration, spans, errors in ((30, 1, 0), (10, 3, 2), (20, 2, 1))
    ]
    for age, (trace_id, duration, spans, errors) in enumerate(reversed(made), 1):
        sent = [
            span(trace_id=trace_id, start_ns=NOW - age * SECOND, duration_ns=duration * 10**6, error=number < errors)
            for number in range(spans)
        ]
        insert(client, payload(*sent, service="sorted"), f"sorted-{age}")
    for place, sort in enumerate(("duration", "span_count", "error_count"), 1):
        largest_first = [trace[0] for trace in sorted(made, key=lambda trace: -trace[place])]
        for limit in (1, 2, 20):
            assert all_pages(search, service="sorted", sort=sort, limit=limit) == largest_first
            ascending = all_pages(search, service="sorted", sort=sort, ascending=True, limit=limit)
            assert ascending == largest_first[::-1]
    assert all_pages(search, service="sorted", ascending=True, limit=2) == [trace[0] for trace in made]


def test_equal_in_the_sort_is_newest_first_over_pages(client: Any, search: TraceSearch) -> None:
    sent = [(new_trace_id(), NOW - age * SECOND) for age in range(1, 12)]
    insert(client, payload(*(span(trace_id=i, start_ns=s) for i, s in sent), service="ties"), "ties")
    assert all_pages(search, service="ties", sort="error_count", limit=3) == [trace_id for trace_id, _ in sent]


def test_another_order_looks_at_the_last_hour_unless_told(client: Any, search: TraceSearch) -> None:
    old, new = new_trace_id(), new_trace_id()
    spans = [span(trace_id=old, start_ns=NOW - 2 * HOUR), span(trace_id=new, start_ns=NOW - SECOND)]
    insert(client, payload(*spans, service="hour"), "hour")
    assert ids(search.search(Search(service="hour", sort="duration"))) == [new]
    assert set(ids(search.search(Search(service="hour", sort="duration", start_ns=NOW - 3 * HOUR)))) == {old, new}


def test_a_page_of_another_order_is_refused(client: Any, search: TraceSearch) -> None:
    insert(client, payload(*(span() for _ in range(3)), service="pages"), "pages")
    page = search.search(Search(service="pages", limit=1))["next_page"]
    with pytest.raises(BadSearchError, match="another sort"):
        search.search(Search(service="pages", sort="duration", page=page))
