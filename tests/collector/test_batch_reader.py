"""Batches are read into the same memory, one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanwise_collector.spool import Batch, _segment
from spanwise_collector.spool._batch_reader import BatchReader

SEGMENT = 3
PAYLOADS = [b"first" * 50, b"second" * 30, b"", b"third" * 70]


@pytest.fixture
def reader(tmp_path: Path) -> BatchReader:
    records = [_segment.record_header(SEGMENT, payload, 2) + payload for payload in PAYLOADS]
    (tmp_path / _segment.file_name(SEGMENT)).write_bytes(_segment.segment_header(SEGMENT) + b"".join(records))
    return BatchReader(tmp_path)


def range_of(first: int, last: int) -> Batch:
    """The records from one to another, both included."""
    sizes = [_segment.RECORD_HEADER.size + len(payload) for payload in PAYLOADS]
    start = _segment.SEGMENT_HEADER.size + sum(sizes[:first])
    return Batch(SEGMENT, start, start + sum(sizes[first : last + 1]))


@pytest.mark.parametrize(("first", "last"), [(0, 3), (1, 3), (1, 1), (2, 2)])
def test_a_batch_is_its_records_with_their_places(reader: BatchReader, first: int, last: int) -> None:
    batch = range_of(first, last)
    records, damages = reader.read(batch)
    assert not damages
    assert [payload for _, payload in reader.payloads()] == PAYLOADS[first : last + 1]
    assert (records[0].start, records[-1].end) == (batch.start, batch.end)
    assert reader.joined() == b"".join(PAYLOADS[first : last + 1])


def test_what_was_joined_is_read_again_before_it_is_asked_for_by_record(reader: BatchReader) -> None:
    batch = range_of(0, 3)
    reader.read(batch)
    assert reader.has(batch)
    reader.joined()
    assert not reader.has(batch)
    reader.read(batch)
    assert [payload for _, payload in reader.payloads()] == PAYLOADS


def test_a_shorter_batch_after_a_longer_one_has_nothing_of_that(reader: BatchReader) -> None:
    reader.read(range_of(0, 3))
    records, damages = reader.read(range_of(1, 1))
    assert (len(records), damages) == (1, [])
    assert reader.joined() == PAYLOADS[1]


def test_a_range_that_ends_within_a_record_has_the_ones_before(reader: BatchReader) -> None:
    batch = range_of(0, 3)
    cut = Batch(batch.segment, batch.start, batch.end - 5)
    records, damages = reader.read(cut)
    assert len(records) == 3
    assert [(damage.start, damage.end) for damage in damages] == [(records[-1].end, cut.end)]


def test_a_file_that_is_shorter_than_the_range_gives_what_there_is(reader: BatchReader, tmp_path: Path) -> None:
    batch = range_of(0, 3)
    reader.read(batch)
    with (tmp_path / _segment.file_name(SEGMENT)).open("r+b") as file:
        file.truncate(range_of(0, 1).end)
    assert len(reader.read(batch)[0]) == 2
