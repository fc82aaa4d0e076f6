"""Raw OTLP into the store: every field, exactly once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from spanwise_collector.query import TraceReader
from spanwise_collector.store import ClientPool, RefusedError, Store, insert
from spanwise_collector.store._retention import TABLES
from tests.collector.otlp_requests import (
    fill_attributes,
    new_span_id,
    new_trace_id,
    payload,
    request,
    span,
)

# Those that views fill.
_FILLED_BY_VIEWS = TABLES.keys() - {"edges"}


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    opened = store.client()
    yield opened
    opened.close()


def rows(client: Any, table: str, service: str) -> int:
    counted = "sum(span_count)" if table.endswith("_minutes") else "count()"
    where = "service = {service:String}"
    if table == "traces":
        where = f"trace_id IN (SELECT trace_id FROM trace_spans WHERE {where})"
    found = client.query(f"SELECT {counted} FROM {table} WHERE {where}", parameters={"service": service})
    return int(found.result_rows[0][0])


def test_every_table_gets_its_rows(client: Any) -> None:
    trace_id = new_trace_id()
    insert(
        client, payload(span(trace_id=trace_id, attributes={"a": 1}), span(trace_id=trace_id), service="rows"), "rows"
    )
    assert {table: rows(client, table, "rows") for table in _FILLED_BY_VIEWS} == {
        "spans": 2,
        "trace_spans": 2,
        "traces": 1,
        "red_minutes": 2,
        "service_minutes": 2,
        "origins": 1,
        "operations": 1,
        "attribute_keys": 1,
    }


def test_the_same_token_stores_nothing_twice(client: Any) -> None:
    body = payload(*(span(attributes={"a": i}) for i in range(50)), service="twice")
    insert(client, body, "twice-1")
    once = {table: rows(client, table, "twice") for table in _FILLED_BY_VIEWS}
    for _ in range(3):
        insert(client, body, "twice-1")
    assert {table: rows(client, table, "twice") for table in _FILLED_BY_VIEWS} == once
    insert(client, body, "twice-2")
    assert rows(client, "spans", "twice") == 100


def test_joined_requests_are_one(client: Any) -> None:
    bodies = [payload(span(), service=f"joined-{i}") for i in range(5)]
    insert(client, b"".join(bodies), "joined")
    assert all(rows(client, "spans", f"joined-{i}") == 1 for i in range(5))


@pytest.mark.parametrize(
    ("trace_state", "count"),
    [
        ("", 1.0),
        ("vendor=x", 1.0),
        ("ot=th:0", 1.0),
        ("ot=th:8", 2.0),
        ("ot=th:c", 4.0),
        ("ot=th:e6666666666666", pytest.approx(10.0)),
        ("ot=th:fd70a3d70a3d71", pytest.approx(100.0)),
        ("ot=rv:12345678901234;th:8", 2.0),
        ("a=b, ot=th:c;rv:12345678901234,c=d", 4.0),
        ("ot=th:ffffffffffffff", 2.0**56),
        ("ot=rv:12345678901234", 1.0),
        ("other=th:8", 1.0),
        ("spanwise=kept:error", 0.0),
        ("ot=th:8,spanwise=kept:first", 0.0),
        ("spanwise=other", 1.0),
        ("ot=th:zz", 1.0),
        ("ot=th:123456789012345", 1.0),
    ],
)
def test_the_adjusted_count_follows_the_trace_state(
    client: Any, pool: ClientPool, trace_state: str, count: float
) -> None:
    trace_id = new_trace_id()
    insert(client, payload(span(trace_id=trace_id, trace_state=trace_state)), trace_id)
    trace = TraceReader(pool).trace(trace_id)
    assert trace is not None
    assert trace["spans"][0]["adjusted_count"] == count
    assert trace["spans"][0]["trace_state"] == trace_state


def test_red_is_weighted_by_the_adjusted_count(client: Any) -> None:
    spans = [
        span(trace_state="ot=th:c", duration_ns=1000),
        span(trace_state="ot=th:8", duration_ns=1000, error=True),
        span(trace_state="spanwise=kept:error", duration_ns=1000, error=True),
    ]
    insert(client, payload(*spans, service="weighted"), "weighted")
    found = client.query(
        "SELECT failed, sum(weighted_count), sum(weighted_duration_ns), sum(span_count) FROM red_minutes"
        " WHERE service = 'weighted' GROUP BY failed ORDER BY failed"
    ).result_rows
    assert found == [(False, 4.0, 4000.0, 1), (True, 2.0, 2000.0, 2)]


def test_torn_bytes_are_refused_and_nothing_is_stored(client: Any) -> None:
    body = payload(*(span() for _ in range(20)), service="torn")
    with pytest.raises(RefusedError):
        insert(client, body[:-7], "torn")
    assert rows(client, "spans", "torn") == 0
    insert(client, body, "torn")
    assert rows(client, "spans", "torn") == 20


def test_ids_of_a_wrong_length_do_not_fail_the_batch(client: Any) -> None:
    """Intake refuses them; should one come through, the spans of others must not suffer."""
    bad = span()
    bad.trace_id = b"\1" * 17
    bad.span_id = b"\1" * 3
    bad.kind = 77  # type: ignore[assignment]
    bad.status.code = 99  # type: ignore[assignment]
    bad.end_time_unix_nano = 2**64 - 1
    insert(client, payload(bad, span(), service="lengths"), "lengths")
    assert rows(client, "spans", "lengths") == 2


@pytest.mark.faults  # a part a day in each table: some fifteen seconds
def test_spans_of_very_many_days_go_in(client: Any) -> None:
    """More than the hundred partitions that the engine allows by default."""
    now = time.time_ns()
    insert(client, payload(*(span(start_ns=now - day * 86_400 * 10**9) for day in range(105)), service="days"), "days")
    assert rows(client, "trace_spans", "days") == 105
    client.command("ALTER TABLE trace_spans DELETE WHERE service = 'days'")


def test_a_service_without_a_name_has_one_still(client: Any) -> None:
    message = request(span(name="nameless"))
    del message.resource_spans[0].resource.attributes[:]
    insert(client, message.SerializeToString(), "nameless")
    found = client.query("SELECT service FROM spans WHERE name = 'nameless'").result_rows
    assert found == [("unknown_service",)]


def test_every_field_reads_back(client: Any, pool: ClientPool) -> None:
    trace_id, linked = new_trace_id(), new_trace_id()
    parent, linked_span = new_span_id(), new_span_id()
    one = span(trace_id=trace_id, parent=parent, name="fields", kind=4, trace_state="vendor=1", duration_ns=1234)
    one.flags = 0x101
    one.status.code = 2  # type: ignore[assignment]
    one.status.message = "it broke: ü"
    one.dropped_attributes_count, one.dropped_events_count, one.dropped_links_count = 1, 2, 3
    fill_attributes(one.attributes, {"zero": 0, "no": False, "blank": "", "none": None, "nothing": 0.0})
    fill_attributes(one.attributes, {"list": [1, "a", None, [True]], "map": {"k": {"deep": b"\0\xff"}}, "raw": b"\xfe"})
    fill_attributes(one.attributes, {"least": -(2**63), "most": 2**63 - 1, "tiny": 5e-324, "third": 1 / 3})
    fill_attributes(
        one.attributes, {"inf": float("inf"), "minus": float("-inf"), "nan": float("nan"), "e": [], "m": {}}
    )
    event = one.events.add(time_unix_nano=123, name="exception", dropped_attributes_count=4)
    fill_attributes(event.attributes, {"exception.type": "ValueError", "n": 1})
    link = one.links.add(
        trace_id=bytes.fromhex(linked),
        span_id=bytes.fromhex(linked_span),
        trace_state="l=1",
        dropped_attributes_count=5,
        flags=1,
    )
    fill_attributes(link.attributes, {"reason": "batch"})
    message = request(one, service="fields", resource={"n": 1, "tags": ["x"]})
    resource_spans = message.resource_spans[0]
    resource_spans.schema_url = "https://example.org/resource"
    resource_spans.resource.dropped_attributes_count = 6
    scope_spans = resource_spans.scope_spans[0]
    scope_spans.schema_url = "https://example.org/scope"
    scope_spans.scope.version = "1.2.3"
    scope_spans.scope.dropped_attributes_count = 7
    fill_attributes(scope_spans.scope.attributes, {"s": True})
    insert(client, message.SerializeToString(), "fields")

    trace = TraceReader(pool).trace(trace_id)
    assert trace is not None
    (read,) = trace["spans"]
    resource, scope = read.pop("resource"), read.pop("scope")
    values = {item.pop("key"): item for item in read.pop("attributes")}
    assert read == {
        "trace_id": trace_id,
        "span_id": one.span_id.hex(),
        "parent_span_id": parent,
        "trace_state": "vendor=1",
        "flags": 0x101,
        "service": "fields",
        "name": "fields",
        "kind": "producer",
        "start_unix_nano": str(one.start_time_unix_nano),
        "end_unix_nano": str(one.end_time_unix_nano),
        "duration_ns": 1234,
        "status": {"code": "error", "message": "it broke: ü"},
        "events": [
            {
                "time_unix_nano": "123",
                "name": "exception",
                "attributes": [
                    {"key": "exception.type", "type": "string", "value": "ValueError"},
                    {"key": "n", "type": "int", "value": "1"},
                ],
                "dropped_attributes_count": 4,
            }
        ],
        "links": [
            {
                "trace_id": linked,
                "span_id": linked_span,
                "trace_state": "l=1",
                "flags": 1,
                "attributes": [{"key": "reason", "type": "string", "value": "batch"}],
                "dropped_attributes_count": 5,
            }
        ],
        "dropped_attributes_count": 1,
        "dropped_events_count": 2,
        "dropped_links_count": 3,
        "adjusted_count": 1.0,
    }
    assert values == {
        "zero": {"type": "int", "value": "0"},
        "no": {"type": "bool", "value": False},
        "blank": {"type": "string", "value": ""},
        "none": {"type": "empty", "value": None},
        "nothing": {"type": "double", "value": 0.0},
        "list": {
            "type": "array",
            "value": [
                {"type": "int", "value": "1"},
                {"type": "string", "value": "a"},
                {"type": "empty", "value": None},
                {"type": "array", "value": [{"type": "bool", "value": True}]},
            ],
        },
        "map": {
            "type": "map",
            "value": [{"key": "k", "type": "map", "value": [{"key": "deep", "type": "bytes", "value": "AP8="}]}],
        },
        "raw": {"type": "bytes", "value": "/g=="},
        "least": {"type": "int", "value": str(-(2**63))},
        "most": {"type": "int", "value": str(2**63 - 1)},
        "tiny": {"type": "double", "value": 5e-324},
        "third": {"type": "double", "value": 1 / 3},
        "inf": {"type": "double", "value": "Infinity"},
        "minus": {"type": "double", "value": "-Infinity"},
        "nan": {"type": "double", "value": "NaN"},
        "e": {"type": "array", "value": []},
        "m": {"type": "map", "value": []},
    }
    assert resource == {
        "attributes": [
            {"key": "service.name", "type": "string", "value": "fields"},
            {"key": "n", "type": "int", "value": "1"},
            {"key": "tags", "type": "array", "value": [{"type": "string", "value": "x"}]},
        ],
        "dropped_attributes_count": 6,
        "schema_url": "https://example.org/resource",
    }
    assert scope == {
        "name": "tests",
        "version": "1.2.3",
        "attributes": [{"key": "s", "type": "bool", "value": True}],
        "dropped_attributes_count": 7,
        "schema_url": "https://example.org/scope",
    }
