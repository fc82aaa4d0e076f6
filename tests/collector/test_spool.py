"""The spool: append, fsync, hand out, forget."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spanwise_collector.spool import Batch, Spool, SpoolError, SpoolFullError
from spanwise_collector.spool._batches import BatchLog
from tests.collector.running_collector import wait_for

MAX_BYTES = 4 * 2**20
BATCH_BYTES = 2**20
OpenSpool = Callable[..., Spool]


@pytest.fixture
def open_spool(tmp_path: Path) -> Iterator[OpenSpool]:
    spools: list[Spool] = []

    def make(max_bytes: int = MAX_BYTES) -> Spool:
        spool = Spool(tmp_path, max_bytes)
        spool.open()
        spools.append(spool)
        return spool

    yield make
    for spool in spools:
        spool.close()


def take_all(spool: Spool, max_bytes: int = BATCH_BYTES) -> list[bytes]:
    found: list[bytes] = []
    while (batch := spool.next_batch(max_bytes)) is not None:
        found += [payload for _, payload in spool.payloads(batch)]
        spool.stored(batch)
    return found


def test_what_was_appended_comes_out_in_order(open_spool: OpenSpool) -> None:
    spool = open_spool()
    sent = [b"%d" % i * 10 for i in range(50)]
    for payload in sent:
        spool.append(payload, 1)
    assert take_all(spool) == sent
    assert spool.state().waiting_bytes == 0
    assert spool.state().oldest_age_s == 0
    assert spool.next_batch(BATCH_BYTES) is None


def test_many_threads_append_and_all_is_there(open_spool: OpenSpool) -> None:
    spool = open_spool()

    def send(sender: int) -> None:
        for i in range(25):
            spool.append(b"%d/%d" % (sender, i), 1)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(take_all(spool)) == sorted(b"%d/%d" % (n, i) for n in range(8) for i in range(25))


def test_batches_are_whole_records_within_the_limit(open_spool: OpenSpool) -> None:
    spool = open_spool()
    for _ in range(10):
        spool.append(bytes(30_000), 3)
    batches: list[Batch] = []
    while (batch := spool.next_batch(100_000)) is not None:
        assert batch.end - batch.start <= 100_000
        assert all(record.spans == 3 for record, _ in spool.payloads(batch))
        batches.append(batch)
    assert [len(spool.payloads(batch)) for batch in batches] == [3, 3, 3, 1]
    for batch in batches:
        spool.stored(batch)


def test_a_record_larger_than_a_batch_still_comes_out(open_spool: OpenSpool) -> None:
    spool = open_spool()
    big = os.urandom(300_000)
    spool.append(b"before", 1)
    spool.append(big, 1)
    spool.append(b"after", 1)
    assert take_all(spool, max_bytes=65_536) == [b"before", big, b"after"]


def test_what_the_store_does_not_have_is_there_after_a_restart(open_spool: OpenSpool) -> None:
    spool = open_spool()
    for i in range(10):
        spool.append(b"%d" % i, 1)
    first = spool.next_batch(BATCH_BYTES)
    assert first is not None
    spool.append(b"later", 1)
    spool.close()
    again = open_spool()
    assert again.state().waiting_bytes > 0
    replayed = again.next_batch(BATCH_BYTES)
    assert replayed == first, "a batch that was begun is replayed as exactly the same range"
    again.stored(replayed)
    assert take_all(again) == [b"later"]
    again.close()
    assert take_all(open_spool()) == []


def test_a_torn_tail_is_cut_and_the_spool_goes_on(open_spool: OpenSpool, tmp_path: Path) -> None:
    spool = open_spool()
    spool.append(b"whole", 1)
    spool.append(b"torn", 1)
    spool.close()
    (segment,) = tmp_path.glob("*.segment")
    os.truncate(segment, segment.stat().st_size - 2)
    again = open_spool()
    again.append(b"new", 1)
    assert take_all(again) == [b"whole", b"new"]


def test_garbage_after_the_records_is_cut(open_spool: OpenSpool, tmp_path: Path) -> None:
    spool = open_spool()
    spool.append(b"whole", 1)
    spool.close()
    (segment,) = tmp_path.glob("*.segment")
    size = segment.stat().st_size
    with segment.open("ab") as file:
        file.write(os.urandom(500))
    again = open_spool()
    assert segment.stat().st_size == size
    assert take_all(again) == [b"whole"]


@pytest.mark.parametrize("max_bytes", [1, 150, 250, BATCH_BYTES])
def test_damage_in_the_middle_costs_one_record(
    open_spool: OpenSpool, tmp_path: Path, max_bytes: int, caplog: pytest.LogCaptureFixture
) -> None:
    spool = open_spool()
    for payload in (b"first" * 20, b"second" * 20, b"third" * 20):
        spool.append(payload, 1)
    spool.close()
    (segment,) = tmp_path.glob("*.segment")
    data = bytearray(segment.read_bytes())
    data[data.index(b"second")] ^= 1
    segment.write_bytes(data)
    assert take_all(open_spool(), max_bytes) == [b"first" * 20, b"third" * 20]
    assert caplog.text.count("is damaged") == 1


def test_a_batch_is_read_from_the_disk_once(open_spool: OpenSpool, tmp_path: Path) -> None:
    spool = open_spool()
    spool.append(b"one", 1)
    spool.append(b"two", 1)
    batch = spool.next_batch(BATCH_BYTES)
    assert batch is not None
    for segment in tmp_path.glob("*.segment"):
        segment.write_bytes(b"")
    assert [payload for _, payload in spool.payloads(batch)] == [b"one", b"two"]


def test_a_full_spool_refuses_and_takes_again_once_drained(open_spool: OpenSpool, tmp_path: Path) -> None:
    spool = open_spool(2**20)
    with pytest.raises(SpoolFullError, match="SPANWISE_COLLECTOR_SPOOL_MAX"):
        for _ in range(100):
            spool.append(bytes(50_000), 1)
    assert sum(file.stat().st_size for file in tmp_path.glob("*.segment")) <= 2**20
    held = len(take_all(spool))
    assert held >= 15
    for _ in range(5):  # drained segments are freed, also the one that was being written
        wait_for(lambda: _append(spool, bytes(200_000)), what="room in the spool")
        take_all(spool)


def _append(spool: Spool, payload: bytes) -> bool:
    try:
        spool.append(payload, 1)
    except SpoolFullError:
        return False
    return True


def test_segments_go_once_all_of_them_is_stored(open_spool: OpenSpool, tmp_path: Path) -> None:
    spool = open_spool()
    for _ in range(12):
        spool.append(bytes(200_000), 1)
    assert len(list(tmp_path.glob("*.segment"))) > 2
    take_all(spool)
    spool.append(b"x", 1)
    wait_for(lambda: len(list(tmp_path.glob("*.segment"))) <= 2, what="deleted segments")
    wait_for(lambda: len(list(tmp_path.glob("*.batches"))) <= 2, what="deleted logs")


def test_a_split_batch_is_replaced_by_its_halves(open_spool: OpenSpool) -> None:
    spool = open_spool()
    for payload in (b"one", b"two"):
        spool.append(payload, 1)
    whole = spool.next_batch(BATCH_BYTES)
    assert whole is not None
    middle = spool.payloads(whole)[1][0].start
    left, right = spool.split(whole, middle)
    assert (left, right) == (Batch(whole.segment, whole.start, middle), Batch(whole.segment, middle, whole.end))
    spool.stored(left)
    spool.close()
    again = open_spool()
    replayed = again.next_batch(BATCH_BYTES)
    assert replayed == right
    assert [payload for _, payload in again.payloads(replayed)] == [b"two"]
    again.stored(replayed)


def test_a_refused_request_is_kept_with_its_reason(open_spool: OpenSpool, tmp_path: Path) -> None:
    spool = open_spool()
    spool.append(b"poison", 1)
    batch = spool.next_batch(BATCH_BYTES)
    assert batch is not None
    spool.set_aside(batch, "it would not parse")
    (kept,) = (tmp_path / "refused").glob("*.otlp")
    assert kept.read_bytes() == b"poison"
    assert "it would not parse" in kept.with_suffix(".txt").read_text()
    spool.close()
    assert open_spool().next_batch(BATCH_BYTES) is None


def test_a_disk_that_fails_refuses_and_leaves_no_trace(open_spool: OpenSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool()
    spool.append(b"before", 1)

    def no_room(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", no_room)
        with pytest.raises(SpoolFullError, match="No space left"):
            spool.append(b"lost", 1)
    spool.append(b"after", 1)
    assert take_all(spool) == [b"before", b"after"]


def test_a_closed_spool_refuses(open_spool: OpenSpool) -> None:
    spool = open_spool()
    spool.close()
    with pytest.raises(SpoolError, match="stopping"):
        spool.append(b"x", 1)


def test_the_age_of_the_oldest_is_known(open_spool: OpenSpool) -> None:
    spool = open_spool()
    spool.append(b"x", 1)
    wait_for(lambda: spool.state().oldest_age_s > 0.05, what="an age")
    batch = spool.next_batch(BATCH_BYTES)
    assert batch is not None
    assert spool.state().oldest_age_s > 0, "a batch under way is still waiting"
    spool.stored(batch)
    assert spool.state().oldest_age_s == 0


def test_a_flush_waits_for_what_was_appended_before_it_and_for_no_more(open_spool: OpenSpool, tmp_path: Path) -> None:
    spool = open_spool()
    spool.append(b"one", 1)
    assert not spool.flush(0.05)
    first = spool.next_batch(BATCH_BYTES)
    assert first is not None
    assert not spool.flush(0.05)
    flushed: list[bool] = []
    flush = threading.Thread(target=lambda: flushed.append(spool.flush(20)))
    flush.start()
    time.sleep(0.1)
    spool.append(b"two", 1)
    second = spool.next_batch(BATCH_BYTES)
    assert second is not None
    spool.stored(first)
    flush.join(20)
    assert flushed == [True]
    spool.stored(second)
    assert spool.flush(0.05)
    wait_for(lambda: not list(tmp_path.glob("*.segment")), what="a closed and deleted segment")


def test_a_batch_whose_end_cannot_be_noted_has_ended(open_spool: OpenSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool()
    spool.append(b"one", 1)
    batch = spool.next_batch(BATCH_BYTES)
    assert batch is not None

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(BatchLog, "end", full)
    spool.stored(batch)
    assert spool.next_batch(BATCH_BYTES) is None
    assert spool.flush(0.05)
