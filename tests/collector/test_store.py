"""One way to the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanwise_collector.store import NotOpenError, Store, StoreError


@pytest.mark.parametrize(
    ("dsn", "told"),
    [
        ("postgres://x", "not known"),
        ("spans.db", "not known"),
        ("chdb:///tmp/x", "--data"),
        ("clickhouse://host/bad-name", "not a database name"),
        ("clickhouse://host/x;DROP", "not a database name"),
    ],
)
def test_a_wrong_dsn_is_said_and_its_password_is_not(tmp_path: Path, dsn: str, told: str) -> None:
    with pytest.raises(StoreError, match=told):
        Store(dsn, tmp_path, 1)


@pytest.mark.parametrize(
    ("dsn", "embedded", "database"),
    [
        ("chdb://", True, "spanwise"),
        ("clickhouse://user:password@host:8123/traces", False, "traces"),
        ("clickhouse://host", False, "spanwise"),
    ],
)
def test_dsns(tmp_path: Path, dsn: str, embedded: bool, database: str) -> None:
    store = Store(dsn, tmp_path, 1)
    assert (store.embedded, store.database, store.is_open) == (embedded, database, False)


def test_a_server_that_is_away_says_why_and_can_be_tried_again(tmp_path: Path) -> None:
    store = Store("clickhouse://127.0.0.1:9/x", tmp_path, 1)
    for _ in range(2):
        with pytest.raises(Exception, match=r"refused|connect"):
            store.open()
    assert "127.0.0.1" in store.why_not_open
    with pytest.raises(NotOpenError):
        store.client()


def test_clients_are_of_the_database(store: Store) -> None:
    client = store.client()
    assert client.query("SELECT currentDatabase()").result_rows == [("spanwise",)]
    client.close()
