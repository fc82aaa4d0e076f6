"""Reads the segments of a spool without opening it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spanwise_collector.spool import _segment
from spanwise_collector.spool._segment import Record


@dataclass(frozen=True, slots=True)
class SegmentSurvey:
    """What a segment holds, whether the store has it already or not."""

    id: int
    records: int
    spans: int
    damaged_bytes: int


def survey(folder: Path) -> Iterator[SegmentSurvey]:
    """Each segment, oldest first. Raises OSError."""
    for segment_id in _segment.segment_ids(folder):
        pieces = list(_segment.scan(segment_id, (folder / _segment.file_name(segment_id)).read_bytes()))
        records = [piece for piece in pieces if isinstance(piece, Record)]
        damaged = sum(piece.end - piece.start for piece in pieces if not isinstance(piece, Record))
        yield SegmentSurvey(segment_id, len(records), sum(record.spans for record in records), damaged)
