"""Each query of the suite, on random traces in the real engine, against the evaluator: the same spansets."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from spanwise_collector.store import Store
from spanwise_collector.traceql import parse
from tests.collector.traceql.conftest import Stored
from tests.collector.traceql.evaluator import run
from tests.collector.traceql.queries import QUERIES

ALL = 1000
Spanset = tuple[tuple[str, int, str], ...]


def found_by_store(stored: Stored, query: str) -> dict[str, Counter[Spanset]]:
    """The spansets of each trace of the forest, of which there must be no other, newest first."""
    mine = {trace.trace_id for trace in stored.traces}
    found = stored.traceql.search(parse(query).pipeline, ALL, ALL, stored.from_ns, stored.to_ns)
    starts = [int(trace.summary["start_unix_nano"]) for trace in found]
    assert starts == sorted(starts, reverse=True)
    assert all(spanset.matched == len(spanset.spans) for trace in found for spanset in trace.spansets)
    return {
        trace.summary["trace_id"]: Counter(
            tuple(sorted((span.span_id, span.start_ns, span.name) for span in spanset.spans))
            for spanset in trace.spansets
        )
        for trace in found
        if trace.summary["trace_id"] in mine
    }


@cache
def found_by_evaluator(stored: Stored, query: str) -> dict[str, Counter[Spanset]]:
    parsed = parse(query)
    found = {}
    for trace in stored.traces:
        spansets = run(parsed, trace)
        if spansets:
            found[trace.trace_id] = Counter(
                tuple(sorted((span.span_id, span.start_ns, span.name) for span in spanset)) for spanset in spansets
            )
    return found


@pytest.mark.parametrize("query", QUERIES)
def test_the_same_spansets(stored: Stored, store: Store, query: str) -> None:
    assert found_by_store(stored, query) == found_by_evaluator(stored, query)


def test_the_suite_is_large_and_most_of_it_finds_something(stored: Stored) -> None:
    assert len(set(QUERIES)) == len(QUERIES) >= 300
    finding = sum(bool(found_by_evaluator(stored, query)) for query in QUERIES)
    assert finding > 0.85 * len(QUERIES), f"only {finding} of {len(QUERIES)} queries find anything"
