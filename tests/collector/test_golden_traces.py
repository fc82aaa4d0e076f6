"""The golden set is stored whole, and sends nothing that is refused."""

from __future__ import annotations

from collections import Counter

from tests.collector.golden.traces import LARGE_SPANS, GoldenTrace
from tests.collector.running_collector import RunningCollector


def test_every_trace_is_there_with_all_its_services(
    golden: dict[str, GoldenTrace], collector: RunningCollector
) -> None:
    for trace in golden.values():
        spans = collector.trace(trace.trace_id)["spans"]
        assert len(spans) == trace.spans, trace.name
        assert {one["service"] for one in spans} == set(trace.services), trace.name


def test_a_request_without_spans_makes_no_service(golden: dict[str, GoldenTrace], collector: RunningCollector) -> None:
    names = [one["name"] for one in collector.get("/api/spanwise/services").json["services"]]
    assert "golden-empty" not in names and "golden-page" in names


def test_a_hundred_thousand_spans_come_back(large: GoldenTrace, collector: RunningCollector) -> None:
    spans = collector.trace(large.trace_id)["spans"]
    assert Counter(one["service"] for one in spans) == dict.fromkeys(large.services, LARGE_SPANS // 10)
    assert len({one["span_id"] for one in spans}) == LARGE_SPANS
