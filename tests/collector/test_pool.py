"""Reading clients."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from spanwise_collector.store import (
    Asking,
    BadPatternError,
    ClientPool,
    NotOpenError,
    QueryCancelledError,
    QueryMemoryError,
    QueryTimeoutError,
    QueryTooLargeError,
    Store,
    asking,
)
from spanwise_collector.store import _pool as pool_module


@pytest.fixture
def queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pool_module, "_FOLDER", tmp_path)
    pool_module._sql.cache_clear()
    (tmp_path / "slow.sql").write_text("SELECT sleepEachRow(0.1) FROM numbers(100) SETTINGS max_block_size = 1")
    (tmp_path / "echo.sql").write_text("SELECT {text:String}, {list:Array(String)}")
    (tmp_path / "match.sql").write_text("SELECT match('a', {pattern:String})")
    (tmp_path / "many.sql").write_text("SELECT number FROM numbers({count:UInt32})")
    (tmp_path / "hungry.sql").write_text("SELECT length(groupArray(number)) FROM numbers(200000000)")
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


def test_what_ran_is_noted_without_the_values(pool: ClientPool, queries: Path) -> None:
    with asking(Asking()) as request:
        pool.rows("echo", {"text": "a secret", "list": []})
    assert [(ran.name, ran.row_count) for ran in request.ran] == [("echo", 1)]
    assert request.ran[0].sql == "SELECT {text:String}, {list:Array(String)}"
    assert 0 < request.ran[0].duration_s < 60
    pool.rows("echo", {"text": "a", "list": []})
    assert len(request.ran) == 1, "only what ran meanwhile"


def test_the_query_of_a_caller_who_goes_away_is_stopped(store: Store, queries: Path) -> None:
    pool = ClientPool(store, size=1, timeout_s=30)
    gone = threading.Event()
    threading.Timer(0.5, gone.set).start()
    began = time.monotonic()
    with asking(Asking(cancelled=gone.is_set)), pytest.raises(QueryCancelledError, match="went away"):
        pool.rows("slow")
    assert time.monotonic() - began < 9, "a bound; the query takes 10 s"
    with asking(Asking(cancelled=gone.is_set)), pytest.raises(QueryCancelledError, match="before the query began"):
        pool.rows("echo", {"text": "a", "list": []})
    assert pool.rows("echo", {"text": "a", "list": []})
    pool.close()


def test_large_results_come_in_blocks(pool: ClientPool, queries: Path) -> None:
    with asking(Asking()) as request:
        blocks = list(pool.blocks("many", {"count": 50_000}))
    assert len(blocks) > 5
    assert [row[0] for block in blocks for row in block] == list(range(50_000))
    assert request.ran[0].row_count == 50_000


def test_blocks_that_are_not_read_out_free_their_turn(store: Store, queries: Path) -> None:
    pool = ClientPool(store, size=1, timeout_s=5)
    blocks = pool.blocks("many", {"count": 50_000})
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert pool.rows("echo", {"text": "a", "list": []})
    pool.close()


def test_a_budget_is_a_lower_limit(pool: ClientPool, queries: Path) -> None:
    began = time.monotonic()
    with pytest.raises(QueryTimeoutError):
        pool.rows("slow", budget_s=0.3)
    assert time.monotonic() - began < 5


def test_a_bad_pattern_says_why(pool: ClientPool, queries: Path) -> None:
    with pytest.raises(BadPatternError, match=r"not a regular expression \(RE2\): missing \)"):
        pool.rows("match", {"pattern": "("})


def test_too_many_rows_name_the_setting_but_not_in_blocks(store: Store, queries: Path) -> None:
    pool = ClientPool(store, size=1, timeout_s=10, max_rows=1000)
    assert len(pool.rows("many", {"count": 1000})) == 1000
    with pytest.raises(QueryTooLargeError, match=r"1000 \(SPANWISE_COLLECTOR_MAX_ROWS\)"):
        pool.rows("many", {"count": 1001})
    assert sum(len(block) for block in pool.blocks("many", {"count": 1001})) == 1001
    pool.close()


def test_too_much_memory_names_the_setting(pool: ClientPool, queries: Path) -> None:
    with pytest.raises(QueryMemoryError, match="SPANWISE_COLLECTOR_MEMORY"):
        pool.rows("hungry")
