"""Reading clients."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from spanwise_collector.store import ClientPool, NotOpenError, QueryTimeoutError, Store
from spanwise_collector.store import _pool as pool_module


@pytest.fixture
def queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pool_module, "_FOLDER", tmp_path)
    pool_module._sql.cache_clear()
    (tmp_path / "slow.sql").write_text("SELECT sleepEachRow(0.1) FROM numbers(100) SETTINGS max_block_size = 1")
    (tmp_path / "echo.sql").write_text("SELECT {text:String}, {list:Array(String)}")
    (tmp_path / "wrong.sql").write_text("SELECT no_such_column")
    return tmp_path


def test_parameters_are_bound_not_written_into_the_query(pool: ClientPool, queries: Path) -> None:
    for text in ("'", "\\'", "'; DROP TABLE spans; --", "{x}", "ü\n\t", ""):
        assert pool.rows("echo", {"text": text, "list": [text]}) == [(text.encode(), [text.encode()])]


def test_a_slow_query_is_stopped_and_the_setting_named(store: Store, queries: Path) -> None:
    pool = ClientPool(store, size=1, timeout_s=0.5)
    began = time.monotonic()
    with pytest.raises(QueryTimeoutError, match="SPANWISE_COLLECTOR_QUERY_TIMEOUT"):
        pool.rows("slow")
    assert time.monotonic() - began < 5
    assert pool.rows("echo", {"text": "a", "list": []}) == [(b"a", [])]
    pool.close()


def test_a_query_waits_for_its_turn_only_so_long(store: Store, queries: Path) -> None:
    pool = ClientPool(store, size=1, timeout_s=0.5)
    under_way = threading.Event()
    release = threading.Event()

    def hold() -> None:
        under_way.set()
        release.wait(10)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "_take", hold)
        first = threading.Thread(target=lambda: _fails(pool))
        first.start()
        assert under_way.wait(5)
        with pytest.raises(QueryTimeoutError, match="before it"):
            pool.rows("echo", {"text": "a", "list": []})
        release.set()
        first.join()
    assert pool.rows("echo", {"text": "a", "list": []})
    pool.close()


def _fails(pool: ClientPool) -> None:
    with pytest.raises(AttributeError):
        pool.rows("echo", {"text": "a", "list": []})


def test_a_failed_query_leaves_the_pool_usable(pool: ClientPool, queries: Path) -> None:
    for _ in range(3):
        with pytest.raises(Exception, match="no_such_column"):
            pool.rows("wrong")
    assert pool.rows("echo", {"text": "a", "list": ["b"]}) == [(b"a", [b"b"])]


def test_a_store_that_is_not_open_says_so(tmp_path: Path) -> None:
    pool = ClientPool(Store("chdb://", tmp_path, 512_000_000), size=1, timeout_s=1)
    with pytest.raises(NotOpenError, match="being opened"):
        pool.rows("services")
