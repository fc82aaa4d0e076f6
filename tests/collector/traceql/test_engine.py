"""How searches run: in pages, under limits, with what is shown of a span."""

from __future__ import annotations

from typing import Any

import pytest

from spanwise_collector.query import TraceSearch
from spanwise_collector.store import BadPatternError, ClientPool, QueryTimeoutError, Store
from spanwise_collector.traceql import FoundTrace, TraceQL, TraceQLError, field_of_tag, filter_so_far, parse
from spanwise_collector.traceql._search import spanset_search
from tests.collector.traceql.conftest import MAX_SERIES, Stored
from tests.collector.traceql.evaluator import first, run

ALL = 1000


def search(stored: Stored, query: str, limit: int = ALL, spans: int = ALL) -> list[FoundTrace]:
    return stored.traceql.search(parse(query).pipeline, limit, spans, stored.from_ns, stored.to_ns)


@pytest.mark.parametrize(
    "query", ["{}", "{ name = `a` } >> { status = error }", "{} | count() = 12", "{ nestedSetLeft = 7 }", "{ false }"]
)
@pytest.mark.parametrize("limit", [1, 3, 40])
def test_a_limit_gives_the_newest_also_when_few_candidates_fit(
    stored: Stored, store: Store, query: str, limit: int
) -> None:
    everything = [trace.summary["trace_id"] for trace in search(stored, query)]
    assert [trace.summary["trace_id"] for trace in search(stored, query, limit)] == everything[:limit]


def test_of_a_spanset_the_first_spans_are_shown(stored: Stored, store: Store) -> None:
    whole = {trace.summary["trace_id"]: trace.spansets[0] for trace in search(stored, "{}")}
    for trace in search(stored, "{}", spans=2):
        (spanset,) = trace.spansets
        expected = whole[trace.summary["trace_id"]]
        assert spanset.matched == expected.matched and spanset.spans == expected.spans[:2]
        assert [span.start_ns for span in spanset.spans] == sorted(span.start_ns for span in spanset.spans)


def test_what_is_selected_is_what_the_evaluator_sees(stored: Stored, store: Store) -> None:
    fields = ("span.n", ".both", "resource.cpu", "status", "kind", "event:name", "nestedSetLeft", "nestedSetRight",
              "nestedSetParent", "childCount", "span:parentID", "instrumentation:version")  # fmt: skip
    query = parse(f"{{}} | select({', '.join(fields)})")
    select = query.pipeline.stages[1]
    found = {trace.summary["trace_id"]: trace for trace in search(stored, f"{{}} | select({', '.join(fields)})")}
    for trace in stored.traces:
        (shown_spanset,) = found[trace.trace_id].spansets
        by_key = {(span.span_id, span.start_ns): span for span in shown_spanset.spans}
        for span in run(query, trace)[0]:
            shown = {one.name: one.raw.decode() for one in by_key[span.span_id, span.start_ns].shown}
            expected = {written(field): first(field, span, trace) for field in select.fields}  # type: ignore[union-attr]
            assert shown == {name: text(value) for name, value in expected.items() if value is not None}


def written(field: Any) -> str:
    return getattr(field, "name", "") if hasattr(field, "scope") else field.text.removeprefix("span:")


def text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def test_a_pattern_that_is_none_is_named_also_when_nothing_would_be_looked_at(stored: Stored, store: Store) -> None:
    with pytest.raises(BadPatternError, match="missing \\)"):
        search(stored, '{ false && span.absent =~ "(" }')


def test_a_search_that_takes_too_long_names_the_setting(stored: Stored, store: Store, slow_pool: ClientPool) -> None:
    hurried = TraceQL(slow_pool, TraceSearch(slow_pool, 7 * 86_400), 0.0, MAX_SERIES)
    with pytest.raises(QueryTimeoutError, match="SPANWISE_COLLECTOR_QUERY_TIMEOUT"):
        hurried.search(parse("{}").pipeline, 1, 1, stored.from_ns, stored.to_ns)


@pytest.mark.parametrize(
    "query",
    [
        " &> ".join(["{}"] * 60), " > ".join(["{}"] * 18), " &>> ".join(["{}"] * 60), "{} ~ (" * 60 + "{}" + ")" * 60,
        " | ".join(["{} && {}"] * 60),
    ],
)  # fmt: skip
def test_a_query_that_would_grow_without_bounds_is_refused(query: str) -> None:
    with pytest.raises(TraceQLError, match=r"too large|more than 16"):
        spanset_search(parse(query).pipeline)


def test_a_trace_that_is_too_deep_is_said_to_be_so() -> None:
    class TooDeepError(Exception):
        code = 306

    class Pool:
        def __init__(self, message: str) -> None:
            self.message = message

        def rows(self, *_: Any) -> None:
            raise TooDeepError(self.message)

    class Search:
        def search(self, _: Any) -> dict[str, Any]:
            return {"traces": [{"trace_id": "ab" * 16}], "next_page": None}

    for message, told in (
        ("Maximum recursive CTE evaluation depth (1000) exceeded", "deeper than 1000 spans"),
        ("Too deep recursion in parser", "nested too deep"),
    ):
        traceql = TraceQL(Pool(message), Search(), 10.0, MAX_SERIES)  # type: ignore[arg-type]
        with pytest.raises(TraceQLError, match=told):
            traceql.search(parse("{} >> {}").pipeline, 1, 1, None, None)


def test_values_of_a_field_are_the_most_frequent_first(stored: Stored, store: Store) -> None:
    spans = [span for trace in stored.traces for span in trace.spans if span.kind == "server"]
    condition = filter_so_far("{ kind = server }")
    found = stored.traceql.tag_values(field_of_tag("event:name"), condition, stored.from_ns, stored.to_ns, 10)
    counts = [sum(event.name == one.raw.decode() for span in spans for event in span.events) for one in found]
    assert len(found) == 2 and counts == sorted(counts, reverse=True) and all(counts)
    (only,) = stored.traceql.tag_values(field_of_tag("span.m"), condition, stored.from_ns, stored.to_ns, 1)
    assert only.type == "int"
