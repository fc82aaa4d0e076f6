from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from spanwise_samples.catalog import open_database
from spanwise_samples.catalogue import ALBUMS
from spanwise_samples.database import Database, statements


def test_statements_are_the_sql_files_of_the_service() -> None:
    assert {"schema", "add_order", "set_status", "order", "newest"} == set(statements("orders"))


def test_the_catalogue_is_made_once_and_whole(tmp_path: Path) -> None:
    first = open_database(tmp_path)
    assert len(first.rows("albums", after=0, limit=10_000, genre=None)) == ALBUMS
    made = (tmp_path / "catalog.sqlite3").stat().st_ino
    open_database(tmp_path).check()
    assert (tmp_path / "catalog.sqlite3").stat().st_ino == made
    assert not list(tmp_path.glob("catalog.sqlite3.*[0-9]"))


def test_a_half_made_catalogue_of_a_crash_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite3.4711").write_bytes(b"half")
    assert open_database(tmp_path).row("album", album_id=ALBUMS) is not None


def test_threads_write_side_by_side_and_every_row_gets_its_own_id(tmp_path: Path) -> None:
    database = Database(tmp_path / "orders.sqlite3", "orders")
    database.create()
    ids: list[int] = []

    def write() -> None:
        for _ in range(20):
            ids.append(database.write("add_order", album_id=1, title="t", quantity=1, amount_cents=1, placed_at="now"))
        database.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ids) == list(range(1, 81))


def test_check_fails_when_the_file_is_gone_or_no_database(tmp_path: Path) -> None:
    database = Database(tmp_path / "orders.sqlite3", "orders")
    with pytest.raises(sqlite3.Error):
        database.check()
    database.path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(sqlite3.Error):
        database.check()
