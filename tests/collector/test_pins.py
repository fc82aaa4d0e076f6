"""A pinned trace stays when its day has gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from spanwise_collector.query import TraceReader
from spanwise_collector.store import (
    ClientPool,
    PinLimitError,
    Store,
    delete_trace,
    export_spans,
    insert,
    pin_trace,
    unpin_trace,
)
from tests.collector.otlp_requests import DAY, new_trace_id, payload, span

# No other test stores spans of this day, so it can be dropped.
AGE_NS = 6 * DAY


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    opened = store.client()
    yield opened
    opened.close()


def drop_day(client: Any, start_ns: int) -> None:
    day = time.strftime("%Y%m%d", time.gmtime(start_ns / 1e9))
    for table in ("spans", "trace_spans", "traces", "red_minutes", "origins"):
        client.command(f"ALTER TABLE {table} DROP PARTITION ID '{day}'")


def pins(pool: ClientPool, trace_id: str) -> list[Any]:
    return [row for row in pool.rows("pins") if row[0] == trace_id.encode()]


def test_a_pinned_trace_outlives_its_day(client: Any, pool: ClientPool) -> None:
    start = time.time_ns() - AGE_NS
    pinned, other = new_trace_id(), new_trace_id()
    body = payload(
        span(trace_id=pinned, start_ns=start, attributes={"zero": 0}),
        span(trace_id=pinned, start_ns=start + 5, parent="ab" * 8, error=True),
        span(trace_id=other, start_ns=start),
        service="pins",
    )
    insert(client, body, pinned)
    before = TraceReader(pool).trace(pinned)
    assert pin_trace(client, pinned, "an outage", 10**6) == 2
    assert TraceReader(pool).trace(pinned) == before, "copies do not show twice"
    drop_day(client, start)
    assert TraceReader(pool).trace(other) is None
    assert TraceReader(pool).trace(pinned) == before
    assert len(list(export_spans(client, start, start + 6))) == 1
    ((_, _, note, start_ns, _, spans, errors, service, name),) = pins(pool, pinned)
    assert (note, start_ns, spans, errors, service, name) == (b"an outage", start, 2, 1, b"pins", b"GET /things")
    assert unpin_trace(client, pinned) == 2
    assert TraceReader(pool).trace(pinned) is None
    assert pins(pool, pinned) == []


def test_pinning_again_adds_what_came_meanwhile(client: Any, pool: ClientPool) -> None:
    trace_id = new_trace_id()
    insert(client, payload(span(trace_id=trace_id)), trace_id)
    assert pin_trace(client, trace_id, "one", 10**6) == 1
    insert(client, payload(span(trace_id=trace_id)), f"{trace_id}-2")
    assert pin_trace(client, trace_id, "two", 10**6) == 2
    assert pin_trace(client, trace_id, "three", 10**6) == 2
    assert [row[2] for row in pins(pool, trace_id)] == [b"three"]
    assert delete_trace(client, trace_id) == 2
    assert TraceReader(pool).trace(trace_id) is None
    assert pins(pool, trace_id) == []


def test_what_cannot_be_pinned(client: Any, pool: ClientPool) -> None:
    trace_id = new_trace_id()
    assert pin_trace(client, trace_id, "", 10**6) == 0
    assert pins(pool, trace_id) == []
    with pytest.raises(ValueError, match="hexadecimal"):
        pin_trace(client, "1' OR 1", "", 10**6)
    with pytest.raises(ValueError, match="1001 characters"):
        pin_trace(client, trace_id, "x" * 1001, 10**6)
    insert(client, payload(span(trace_id=trace_id)), trace_id)
    with pytest.raises(PinLimitError, match="SPANWISE_COLLECTOR_MAX_PINNED"):
        pin_trace(client, trace_id, "", 0)
