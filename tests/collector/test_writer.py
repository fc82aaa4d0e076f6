"""The end of a segment is written whole, however little the system takes at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from spanwise_collector.spool import _segment, _writer
from spanwise_collector.spool._group_commit import Append
from spanwise_collector.spool._segment import Record

SEGMENT = 7


@pytest.mark.parametrize("at_once", [1, 7, 20, 33, 10_000])
def test_partial_writes_go_on_where_they_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    payloads = [b"one", b"two" * 40, b"3"]
    monkeypatch.setattr(_writer, "_PARTS_AT_ONCE", 3)
    monkeypatch.setattr(os, "writev", lambda file, parts: os.write(file, _first(parts, at_once)))
    writer = _writer.SegmentWriter(tmp_path, SEGMENT)
    size = writer.write([Append(payload, 1, len(payload)) for payload in payloads])
    writer.close()
    data = (tmp_path / _segment.file_name(SEGMENT)).read_bytes()
    assert len(data) == _segment.SEGMENT_HEADER.size + size
    pieces = list(_segment.scan(SEGMENT, data))
    assert all(isinstance(piece, Record) for piece in pieces)
    assert [data[p.payload_start : p.end] for p in pieces if isinstance(p, Record)] == payloads


def _first(parts: Sequence[bytes | memoryview], size: int) -> bytes:
    return b"".join(parts)[:size]
