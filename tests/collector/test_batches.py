"""The log of batches."""

from __future__ import annotations

from pathlib import Path

from spanwise_collector.spool._batches import Batch, BatchLog

FIRST, SECOND, THIRD = Batch(1, 16, 100), Batch(1, 100, 200), Batch(1, 200, 300)


def test_batches_that_were_begun_and_not_ended_are_open(tmp_path: Path) -> None:
    log = BatchLog(tmp_path, 1)
    for batch in (FIRST, SECOND, THIRD):
        log.begin(batch)
    log.end("stored", SECOND)
    assert BatchLog(tmp_path, 1).open_batches() == ([FIRST, THIRD], 300)
    log.end("refused", FIRST)
    log.split(THIRD, 250)
    assert BatchLog(tmp_path, 1).open_batches() == ([*THIRD.halves(250)], 300)
    for half in THIRD.halves(250):
        log.end("stored", half)
    log.close()
    assert BatchLog(tmp_path, 1).open_batches() == ([], 300)


def test_a_torn_line_is_left_out_and_does_not_swallow_the_next(tmp_path: Path) -> None:
    log = BatchLog(tmp_path, 1)
    log.begin(FIRST)
    log.begin(SECOND)
    log.close()
    whole = log.path.read_bytes()
    log.path.write_bytes(whole[:-5])
    again = BatchLog(tmp_path, 1)
    assert again.open_batches() == ([FIRST], 100)
    again.begin(THIRD)
    again.close()
    assert BatchLog(tmp_path, 1).open_batches() == ([FIRST, THIRD], 300)


def test_a_changed_line_is_left_out(tmp_path: Path) -> None:
    log = BatchLog(tmp_path, 1)
    log.begin(FIRST)
    log.close()
    log.path.write_bytes(log.path.read_bytes().replace(b"16 100", b"16 900"))
    assert log.open_batches() == ([], 0)


def test_the_token_is_the_range() -> None:
    assert len({batch.token for batch in (FIRST, SECOND, THIRD, Batch(2, 16, 100))}) == 4
    assert FIRST.token == Batch(1, 16, 100).token


def test_delete_removes_the_file(tmp_path: Path) -> None:
    log = BatchLog(tmp_path, 1)
    log.begin(FIRST)
    log.delete()
    assert not log.path.exists()
    log.delete()
