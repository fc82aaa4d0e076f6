"""Reads the records of one batch after the other, each into the same memory.

A batch is megabytes. In fresh memory every page of it is first filled with zeros by the system, while Python's lock is
held; that took longer than reading, and acknowledgements waited for it (docs/decisions/0016).
"""

from __future__ import annotations

from pathlib import Path

from spanwise_collector.spool import _segment
from spanwise_collector.spool._batches import Batch
from spanwise_collector.spool._segment import Damage, Record

# The memory grows in such steps, so that batches which grow a little do not each ask for more.
_STEP_BYTES = 2**20


class BatchReader:
    """Reads from the segments of a folder; remembers what it read last. Used by one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._memory = bytearray()
        self._last: Batch | None = None  # the batch that lies in memory, as it lies in its segment
        self._records: list[Record] = []

    def read(self, batch: Batch) -> tuple[list[Record], list[Damage]]:
        """The whole records of a range of a segment, and what is damaged in it. Raises OSError."""
        self._last = None
        end = self._fill(batch)
        shift = _shift(batch)
        records: list[Record] = []
        damages = []
        for piece in _segment.scan(batch.segment, self._memory, end):
            if isinstance(piece, Damage):
                damages.append(Damage(piece.start + shift, piece.end + shift))
            else:
                records.append(Record(piece.start + shift, piece.end + shift, piece.spans))
        self.keep(batch, records)
        return records, damages

    def keep(self, batch: Batch, records: list[Record]) -> None:
        """What was read last is this batch, which begins where that began, and these are its records."""
        self._last, self._records = batch, records

    def has(self, batch: Batch) -> bool:
        """Whether `records`, `payloads` and `joined` can be asked for it without reading it again."""
        return self._last == batch

    def records(self) -> list[Record]:
        """Of the batch that was read last."""
        return self._records

    def payloads(self) -> list[tuple[Record, bytes]]:
        """Each record of the batch that was read last, with its payload."""
        assert self._last is not None
        shift = _shift(self._last)
        view = memoryview(self._memory)
        return [(record, bytes(view[record.payload_start - shift : record.end - shift])) for record in self._records]

    def joined(self) -> memoryview:
        """The payloads of the batch that was read last, one after the other: they move together where they lie.

        So `has` is false afterwards, and the bytes are valid until the next `read`.
        """
        assert self._last is not None
        shift = _shift(self._last)
        self._last = None
        view = memoryview(self._memory)
        size = 0
        for record in self._records:
            length = record.end - record.payload_start
            start = record.payload_start - shift
            view[size : size + length] = view[start : start + length]
            size += length
        return view[:size]

    def _fill(self, batch: Batch) -> int:
        """Brings the bytes of a range into memory, behind a segment header, as `scan` wants them; where they end."""
        end = _segment.SEGMENT_HEADER.size
        size = end + batch.end - batch.start
        if len(self._memory) < size:
            self._memory = bytearray(size + -size % _STEP_BYTES)
        view = memoryview(self._memory)[:size]
        view[:end] = _segment.segment_header(batch.segment)
        with (self._folder / _segment.file_name(batch.segment)).open("rb", buffering=0) as file:
            file.seek(batch.start)
            while count := file.readinto(view[end:]):
                end += count
        return end


def _shift(batch: Batch) -> int:
    """How far into its segment what lies at a place in memory is."""
    return batch.start - _segment.SEGMENT_HEADER.size
