"""The byte format of a spool segment.

A segment is one append-only file, `<id>.segment`, its id 20 decimal digits and rising. It begins with

    8 bytes   magic, b"SPNWSEG1"
    8 bytes   segment id, unsigned, little-endian

and goes on with records, each one OTLP request that was acknowledged:

    4 bytes   marker, b"\\xf5SPN": where reading starts again after damage (0xf5 is never a byte of UTF-8 text)
    4 bytes   length of the payload
    4 bytes   number of spans in the payload
    4 bytes   CRC-32 of the payload
    4 bytes   CRC-32 of the segment id and the 16 bytes before
    n bytes   payload, a serialized ExportTraceServiceRequest

All numbers are unsigned and little-endian. The header's own checksum tells a damaged length from a damaged payload:
after a damaged payload the next record is where the length says, after a damaged header it is the next marker whose
header is whole. What follows the last whole record of a segment is a torn tail: a write that was cut by a crash before
its fsync returned, so never acknowledged. It is cut off when the spool is opened.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"SPNWSEG1"
MARKER = b"\xf5SPN"
SEGMENT_HEADER = struct.Struct("<8sQ")
RECORD_HEADER = struct.Struct("<4sIIII")
SUFFIX = ".segment"


@dataclass(frozen=True, slots=True)
class Record:
    """One whole record: where it begins and ends in its segment, and how many spans it holds."""

    start: int
    end: int
    spans: int

    @property
    def payload_start(self) -> int:
        return self.start + RECORD_HEADER.size


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a segment that are not a whole record."""

    start: int
    end: int


def file_name(segment_id: int) -> str:
    return f"{segment_id:020d}{SUFFIX}"


def segment_header(segment_id: int) -> bytes:
    return SEGMENT_HEADER.pack(MAGIC, segment_id)


def record_header(segment_id: int, payload: bytes, spans: int) -> bytes:
    """The 20 bytes before a payload."""
    head = struct.pack("<4sIII", MARKER, len(payload), spans, zlib.crc32(payload))
    return head + struct.pack("<I", _header_crc(segment_id, head))


def _header_crc(segment_id: int, head: bytes) -> int:
    return zlib.crc32(head, zlib.crc32(segment_id.to_bytes(8, "little")))


def scan(segment_id: int, data: bytes | bytearray, end: int | None = None) -> Iterator[Record | Damage]:
    """What a segment's bytes, up to `end`, hold: in order and without gaps, from the end of its header on."""
    view = memoryview(data)[:end]
    position = SEGMENT_HEADER.size
    damaged_from: int | None = None
    while position < len(view):
        record = _record_at(segment_id, view, position)
        if record is None:
            damaged_from = position if damaged_from is None else damaged_from
            position = _next_header(segment_id, data, view, position + 1)
            continue
        if damaged_from is not None:
            yield Damage(damaged_from, position)
            damaged_from = None
        yield record
        position = record.end
    if damaged_from is not None:
        yield Damage(damaged_from, len(view))


def _record_at(segment_id: int, view: memoryview, position: int) -> Record | None:
    """The record at `position`, or None when it is not whole there. A damaged payload counts as damage too."""
    header = _header_at(segment_id, view, position)
    if header is None:
        return None
    length, spans, payload_crc = header
    start = position + RECORD_HEADER.size
    if start + length > len(view) or zlib.crc32(view[start : start + length]) != payload_crc:
        return None
    return Record(position, start + length, spans)


def _header_at(segment_id: int, view: memoryview, position: int) -> tuple[int, int, int] | None:
    """`(length, spans, payload_crc)` of a header that is whole."""
    raw = bytes(view[position : position + RECORD_HEADER.size])
    if len(raw) < RECORD_HEADER.size or not raw.startswith(MARKER):
        return None
    _, length, spans, payload_crc, header_crc = RECORD_HEADER.unpack(raw)
    return (length, spans, payload_crc) if header_crc == _header_crc(segment_id, raw[:16]) else None


def _next_header(segment_id: int, data: bytes | bytearray, view: memoryview, position: int) -> int:
    """Where the next whole header begins at or after `position`; the end of the view when there is none.

    The view is of the data, from its beginning on: it cannot be searched, and a copy would cost more than the search.
    """
    while True:
        found = data.find(MARKER, position, len(view))
        if found < 0:
            return len(view)
        if _header_at(segment_id, view, found) is not None:
            return found
        position = found + 1


def segment_ids(folder: Path) -> list[int]:
    """The ids of the segments in a folder, oldest first."""
    return sorted(int(path.stem) for path in folder.glob(f"*{SUFFIX}") if path.stem.isdigit())
