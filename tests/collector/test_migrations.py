"""The schema's history."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from spanwise_collector.store import NewerSchemaError, Store, insert
from spanwise_collector.store._migrations import migrate, migrations
from tests.collector.otlp_requests import payload, span


@pytest.fixture
def empty(store: Store) -> Iterator[Any]:
    """A client on an empty database of its own."""
    client = store.client()
    client.command("CREATE DATABASE migrations")
    yield client
    client.command("DROP DATABASE migrations")
    client.close()


def test_versions_are_consecutive_and_names_unique() -> None:
    assert [migration.version for migration in migrations()] == list(range(1, len(migrations()) + 1))
    assert len({migration.name for migration in migrations()}) == len(migrations())


def test_each_file_says_what_it_is_for_and_may_be_applied_again() -> None:
    for migration in migrations():
        text = migration.path.read_text()
        assert re.match(r"-- [A-Z]", text), migration.path
        again = (
            r"^((CREATE (TABLE|MATERIALIZED VIEW)|ALTER TABLE)\s.*IF (NOT )?EXISTS"
            r"|CREATE OR REPLACE TABLE\s|ALTER TABLE \w+ MODIFY SETTING\s)"
        )
        assert re.search(again, text, re.M | re.S), migration.path


def test_an_empty_store_gets_all_and_then_nothing_more(empty: Any) -> None:
    assert migrate(empty, "migrations") == list(migrations())
    assert migrate(empty, "migrations") == []
    assert empty.query("SELECT count() FROM schema_history").result_rows == [(len(migrations()),)]


def test_a_crash_before_the_record_is_mended_by_applying_again(empty: Any) -> None:
    migrate(empty, "migrations")
    last = migrations()[-1]
    empty.command(f"ALTER TABLE schema_history DELETE WHERE version = {last.version} SETTINGS mutations_sync = 1")
    assert migrate(empty, "migrations") == [last]


def test_the_minutes_of_services_begin_with_those_that_are_stored(empty: Any) -> None:
    migrate(empty, "migrations")
    insert(empty, payload(*(span(error=number % 2 == 0, trace_state="ot=th:8") for number in range(10))), "before")
    read = "SELECT failed, sum(weighted_count), sum(span_count), sumMap(buckets) FROM service_minutes GROUP BY failed"
    fresh = sorted(empty.query(read).result_rows)
    assert [row[:3] for row in fresh] == [(False, 10.0, 5), (True, 10.0, 5)]
    empty.command("DROP TABLE service_minutes_view")
    empty.command("DROP TABLE service_minutes")
    for _ in range(2):  # the second time is after a crash before the record
        empty.command("ALTER TABLE schema_history DELETE WHERE version >= 27 SETTINGS mutations_sync = 1")
        migrate(empty, "migrations")
        assert sorted(empty.query(read).result_rows) == fresh


def test_a_later_schema_is_refused(empty: Any) -> None:
    migrate(empty, "migrations")
    empty.command("INSERT INTO schema_history (version, name) VALUES (9999, 'later')")
    with pytest.raises(NewerSchemaError, match="later version"):
        migrate(empty, "migrations")
