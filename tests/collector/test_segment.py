"""The byte format of a spool segment."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwise_collector.spool import _segment
from spanwise_collector.spool._segment import Damage, Record

SEGMENT = 7


def segment_of(*payloads: bytes) -> bytes:
    data = _segment.segment_header(SEGMENT)
    for payload in payloads:
        data += _segment.record_header(SEGMENT, payload, spans=1) + payload
    return data


def payloads_of(data: bytes) -> list[bytes]:
    return [data[p.payload_start : p.end] for p in _segment.scan(SEGMENT, data) if isinstance(p, Record)]


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_what_was_written_is_read(payloads: list[bytes]) -> None:
    assert payloads_of(segment_of(*payloads)) == payloads


@given(st.lists(st.binary(min_size=1, max_size=100), min_size=1, max_size=5), st.integers(0, 10_000))
def test_a_segment_cut_anywhere_keeps_its_whole_records(payloads: list[bytes], cut: int) -> None:
    data = segment_of(*payloads)
    cut = _segment.SEGMENT_HEADER.size + cut % (len(data) - _segment.SEGMENT_HEADER.size)
    found = payloads_of(data[:cut])
    assert found == payloads[: len(found)]
    ends = [piece.end for piece in _segment.scan(SEGMENT, data)]
    assert len(found) == sum(end <= cut for end in ends)


@pytest.mark.parametrize("seed", range(20))
def test_a_flipped_bit_costs_its_own_record_only(seed: int) -> None:
    rng = random.Random(seed)
    payloads = [rng.randbytes(rng.randrange(1, 200)) for _ in range(6)]
    data = bytearray(segment_of(*payloads))
    pieces = [piece for piece in _segment.scan(SEGMENT, bytes(data)) if isinstance(piece, Record)]
    hit = rng.randrange(_segment.SEGMENT_HEADER.size, len(data))
    data[hit] ^= 1 << rng.randrange(8)
    unhurt = [payload for payload, piece in zip(payloads, pieces, strict=True) if not piece.start <= hit < piece.end]
    assert payloads_of(bytes(data)) == unhurt


def test_a_marker_inside_a_payload_is_not_a_record() -> None:
    inner = _segment.record_header(SEGMENT + 1, b"inner", 1) + b"inner"  # of another segment, so its header fails
    data = bytearray(segment_of(b"first" + inner, b"second"))
    data[_segment.SEGMENT_HEADER.size] ^= 0xFF
    assert payloads_of(bytes(data)) == [b"second"]


def test_pieces_have_no_gaps() -> None:
    data = bytearray(segment_of(b"a" * 50, b"b" * 50, b"c" * 50))
    data[60] ^= 1
    pieces = list(_segment.scan(SEGMENT, bytes(data)))
    assert any(isinstance(piece, Damage) for piece in pieces)
    assert pieces[0].start == _segment.SEGMENT_HEADER.size
    assert [piece.end for piece in pieces[:-1]] == [piece.start for piece in pieces[1:]]
    assert pieces[-1].end == len(data)


def test_segment_ids_are_in_order(tmp_path: Path) -> None:
    for segment_id in (12, 3, 7):
        (tmp_path / _segment.file_name(segment_id)).touch()
    (tmp_path / "other.segment").touch()
    assert _segment.segment_ids(tmp_path) == [3, 7, 12]
