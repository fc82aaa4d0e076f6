"""Spans come out of the store as they were sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanwise_collector.store import Store, export_spans, insert
from spanwise_collector.store import _export as export
from tests.collector.otlp_requests import fill_attributes, new_trace_id, request, span

ATTRIBUTES = {
    "zero": 0,
    "negative": -(2**63),
    "false": False,
    "true": True,
    "empty": "",
    "float": 0.0,
    "pi": 3.141592653589793,
    "infinite": float("-inf"),
    "bytes": b"\x00\xff",
    "no bytes": b"",
    "list": [1, "a", 0, False, [], None],
    "no list": [],
    "map": {"inner": {"zero": 0}},
    "no map": {},
}


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    opened = store.client()
    yield opened
    opened.close()


def everything(trace_id: str, start_ns: int) -> ExportTraceServiceRequest:
    """A request in which every field is set."""
    one = span(
        trace_id=trace_id,
        span_id="ff" * 7 + "00",
        parent="ff" * 6 + "0000",
        start_ns=start_ns,
        trace_state="ot=th:8,vendor=x",
        error=True,
        attributes=ATTRIBUTES,
    )
    one.flags = 0x301
    one.status.message = "it broke"
    one.dropped_attributes_count, one.dropped_events_count, one.dropped_links_count = 1, 2, 3
    event = one.events.add(name="retry", time_unix_nano=start_ns, dropped_attributes_count=4)
    fill_attributes(event.attributes, ATTRIBUTES)
    link = one.links.add(trace_id=b"l" * 16, span_id=b"l" * 8, trace_state="a=b", flags=1, dropped_attributes_count=5)
    fill_attributes(link.attributes, ATTRIBUTES)
    root = span(trace_id=trace_id, start_ns=start_ns + 1)
    message = request(one, root, service=f"export-{trace_id}", resource=ATTRIBUTES)
    message.resource_spans[0].schema_url = "https://example.org/resource"
    message.resource_spans[0].resource.dropped_attributes_count = 6
    scope_spans = message.resource_spans[0].scope_spans[0]
    scope_spans.schema_url = "https://example.org/scope"
    scope_spans.scope.version = "1.2"
    scope_spans.scope.dropped_attributes_count = 7
    fill_attributes(scope_spans.scope.attributes, ATTRIBUTES)
    return message


def exported(client: Any, from_ns: int, to_ns: int) -> ExportTraceServiceRequest:
    """The exported requests joined; spans of each scope by start."""
    joined = ExportTraceServiceRequest.FromString(b"".join(export_spans(client, from_ns, to_ns)))
    for resource_spans in joined.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            scope_spans.spans.sort(key=lambda one: one.start_time_unix_nano)
    return joined


def test_every_field_comes_back(client: Any) -> None:
    start = time.time_ns() - 3600 * 10**9
    sent = everything(new_trace_id()[:-2] + "00", start)
    insert(client, sent.SerializeToString(), f"export-{start}")
    found = exported(client, start, start + 2)
    assert found == sent


def test_only_what_starts_in_the_range(client: Any) -> None:
    start = time.time_ns() - 2 * 3600 * 10**9
    sent = everything(new_trace_id()[:-2] + "00", start)
    insert(client, sent.SerializeToString(), f"export-{start}")
    found = exported(client, start + 1, start + 2)
    assert [len(r.scope_spans[0].spans) for r in found.resource_spans] == [1]
    assert not exported(client, start + 2, start + 3).resource_spans


def test_many_spans_in_slices_and_requests(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    start = time.time_ns() - 3 * 3600 * 10**9
    spans = [span(start_ns=start + i) for i in range(5000)]
    insert(client, request(*spans, service="export-many").SerializeToString(), f"export-{start}")
    monkeypatch.setattr(export, "_SLICE_SPANS", 1024)
    sizes, ids = [], set()
    for payload in export_spans(client, start, start + 5000):
        found = ExportTraceServiceRequest.FromString(payload).resource_spans[0].scope_spans[0].spans
        sizes.append(len(found))
        ids |= {one.span_id for one in found}
    assert ids == {one.span_id for one in spans}
    assert sum(sizes) == 5000
    assert len(sizes) > 3
    assert max(sizes) <= 2048
