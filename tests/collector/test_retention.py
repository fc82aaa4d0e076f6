"""Keeping the store within its age and size."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from spanwise_collector.store import Store, insert
from spanwise_collector.store._migrations import migrate
from spanwise_collector.store._retention import TABLES, apply_max_age, apply_max_bytes
from tests.collector.otlp_requests import DAY, payload, span


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
        table: left[table] for table in ("spans", "trace_spans", "traces", "red_minutes", "operations", "origins")
    } == {
        "spans": 1,
        "trace_spans": 1,
        "traces": 1,
        "red_minutes": 1,
        "operations": 1,
        "origins": 1,
    }


def test_the_oldest_day_goes_when_there_is_too_much(client: Any) -> None:
    now = time.time_ns()
    days = [now - age * DAY for age in (3, 2, 1, 0)]
    insert(client, payload(*(span(start_ns=start) for start in days)), "days")
    assert apply_max_bytes(client, 10**9) == []
    total = sum(size for _, size in _days(client))
    oldest, second = _days(client)[:2]
    assert apply_max_bytes(client, total - oldest[1] - 1) == [oldest[0], second[0]]
    assert counts(client)["spans"] == counts(client)["trace_spans"] == 2
    assert apply_max_bytes(client, 1) == [_days(client)[0][0]] or len(_days(client)) == 1
    assert counts(client)["spans"] == 1, "the newest day stays"


def _days(client: Any) -> list[tuple[str, int]]:
    rows = client.query(
        "SELECT partition_id, sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'retention'"
        " AND table != 'schema_history' GROUP BY 1 ORDER BY 1"
    ).result_rows
    return [(row[0], row[1]) for row in rows]
