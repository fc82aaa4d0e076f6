"""Keeping the store within its age and size."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from spanwise_collector.store import NotOpenError, Retention, Store, insert
from spanwise_collector.store._migrations import migrate
from spanwise_collector.store._retention import TABLES, apply_max_age, apply_max_bytes
from tests.collector.otlp_requests import DAY, SECOND, payload, span


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    """A client on a database of its own."""
    opened = store.client()
    opened.command("CREATE DATABASE retention")
    migrate(opened, "retention")
    yield opened
    opened.command("DROP DATABASE retention")
    opened.close()


def counts(client: Any) -> dict[str, int]:
    return {table: client.query(f"SELECT count() FROM {table}").result_rows[0][0] for table in TABLES}


def test_every_table_with_rows_has_an_age(client: Any) -> None:
    tables = client.query(
        "SELECT name FROM system.tables WHERE database = 'retention' AND engine LIKE '%MergeTree'"
    ).result_rows
    assert {row[0] for row in tables} - {"schema_history", "pins", "pinned_spans", "pinned_origins"} == set(TABLES)


def test_the_age_is_set_and_can_be_changed(client: Any) -> None:
    for seconds in (7 * 86_400, 3600):
        apply_max_age(client, seconds)
        for table in TABLES:
            definition = client.query(f"SHOW CREATE TABLE {table}").result_rows[0][0]
            assert f"toIntervalSecond({seconds})" in definition, table


def test_old_rows_go(client: Any) -> None:
    now = time.time_ns()
    insert(client, payload(span(start_ns=now), span(start_ns=now - 5 * DAY, attributes={"a": 1})), "ages")
    assert counts(client)["spans"] == 2
    apply_max_age(client, 2 * 86_400)
    for table in TABLES:
        client.command(f"OPTIMIZE TABLE {table} FINAL")
    left = counts(client)
    assert {
        table: left[table]
        for table in ("spans", "trace_spans", "traces", "red_minutes", "service_minutes", "operations", "origins")
    } == {
        "spans": 1,
        "trace_spans": 1,
        "traces": 1,
        "red_minutes": 1,
        "service_minutes": 1,
        "operations": 1,
        "origins": 1,
    }


def test_the_oldest_days_go_when_there_is_too_much(client: Any) -> None:
    now = time.time_ns()
    days = [now - age * DAY for age in (3, 2, 1, 0)]
    insert(client, payload(*(span(start_ns=start) for start in days)), "days")
    assert apply_max_bytes(client, 10**9) == []
    sizes = _days(client)
    left = sizes[-1][1] + sizes[-2][1]
    assert apply_max_bytes(client, int((left + 1) / 0.93)) == [sizes[0][0], sizes[1][0]]
    assert counts(client)["spans"] == counts(client)["trace_spans"] == 2
    assert apply_max_bytes(client, 1) == [sizes[2][0]]
    assert counts(client)["spans"] == 1, "the newest minute stays"


def test_the_oldest_minutes_of_a_large_day_go(client: Any) -> None:
    noon = (time.time_ns() // DAY - 1) * DAY + DAY // 2
    minutes = [noon + number * 60 * SECOND for number in range(10)]
    for number, start in enumerate(minutes):
        insert(client, payload(*(span(start_ns=start + i) for i in range(50))), f"minute {number}")
    total = sum(size for _, size in _days(client))
    (words,) = apply_max_bytes(client, int(total * 0.7))
    assert re.fullmatch(r"\d{8} before 12:0[3-5]", words)
    left = counts(client)
    assert left["spans"] == left["trace_spans"]
    assert 250 <= left["spans"] <= 350
    for table in ("red_minutes", "service_minutes"):
        assert client.query(f"SELECT sum(span_count) FROM {table}").result_rows == [(left["spans"],)]
    assert client.query("SELECT sum(span_count) FROM traces").result_rows == [(left["spans"],)]
    oldest = client.query("SELECT min(start) FROM spans").result_rows[0][0]
    assert f"{oldest:%H:%M}" == words[-5:]
    apply_max_bytes(client, 1)
    assert counts(client)["spans"] == 50, "the newest minute stays"


def _days(client: Any) -> list[tuple[str, int]]:
    rows = client.query(
        "SELECT partition_id, sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'retention'"
        " AND table != 'schema_history' GROUP BY 1 ORDER BY 1"
    ).result_rows
    return [(row[0], row[1]) for row in rows]


class _SlowStore:
    """Whatever is asked of it takes until `go_on`, as another age does for a full store."""

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()

    def client(self) -> Any:
        self.asked.set()
        assert self.go_on.wait(60)
        raise NotOpenError("it is closed")


def test_stopping_waits_only_so_long_for_a_slow_store() -> None:
    store = _SlowStore()
    retention = Retention(store, 3600, 10**9)  # type: ignore[arg-type]
    retention.start()
    assert store.asked.wait(10)
    retention.stop(0.01)
    assert retention.is_alive(), "so that the collector does not end the engine under it"
    store.go_on.set()
    retention.stop(60)
    assert not retention.is_alive()
