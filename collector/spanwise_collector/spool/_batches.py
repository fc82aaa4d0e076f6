"""The log of batches: which ranges of a segment went to the store as one insert.

Beside each segment lies `<id>.batches`, a text file of lines

    insert START END CRC      logged and synced before the insert of the records in [START, END)
    stored START END CRC      the insert returned
    refused START END CRC     the one request in [START, END) was set aside, with its reason, in `refused/`
    split START END MIDDLE CRC   the batch is replaced by two, [START, MIDDLE) and [MIDDLE, END); synced before either

CRC is the CRC-32 of the line before it, in hexadecimal; a line that does not match (a torn tail) is left out. After a
crash, the ranges that were logged and have no end are inserted again exactly as they were: the deduplication token of
a batch is its segment and range, so the store knows whether it has it already.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SUFFIX = ".batches"
_VERBS = frozenset({"insert", "stored", "refused", "split"})


@dataclass(frozen=True, slots=True, order=True)
class Batch:
    """A range of one segment that begins and ends at records: what one insert carries."""

    segment: int
    start: int
    end: int

    @property
    def token(self) -> str:
        """The same for the same bytes, always: what the store deduplicates by."""
        return f"{self.segment:020d}-{self.start}-{self.end}"

    def halves(self, middle: int) -> tuple[Batch, Batch]:
        """The two that end and begin at `middle`, where a record begins."""
        return Batch(self.segment, self.start, middle), Batch(self.segment, middle, self.end)


class BatchLog:
    """The log of one segment. Not thread-safe: the feeder alone writes it."""

    def __init__(self, folder: Path, segment: int) -> None:
        self.path = folder / f"{segment:020d}{SUFFIX}"
        self._segment = segment
        self._file: IO[bytes] | None = None

    def open_batches(self) -> tuple[list[Batch], int]:
        """`(batches, position)`: those that were begun and not ended, and the end of the furthest that was begun."""
        begun: dict[Batch, None] = {}
        position = 0
        for verb, batch, middle in self._read():
            if verb == "insert":
                begun[batch] = None
            else:
                begun.pop(batch, None)
                begun.update(dict.fromkeys(batch.halves(middle)) if middle else {})
            position = max(position, batch.end)
        return list(begun), position

    def begin(self, batch: Batch) -> None:
        """Logs an insert before it is made; returns when the line is on disk. Raises OSError."""
        self._write("insert", batch)
        self._sync()

    def split(self, batch: Batch, middle: int) -> None:
        """Replaces a batch by its halves, in one line, so that a crash leaves it or them. Raises OSError."""
        self._write("split", batch, middle)
        self._sync()

    def end(self, verb: str, batch: Batch) -> None:
        """Logs what came of an insert. Not synced: if lost, it is inserted again by its token. Raises OSError."""
        self._write(verb, batch)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def delete(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._file = self.path.open("ab", buffering=0)
        return self._file

    def _sync(self) -> None:
        os.fdatasync(self._opened().fileno())

    def _write(self, verb: str, batch: Batch, *more: int) -> None:
        line = " ".join(map(str, (verb, batch.start, batch.end, *more))).encode()
        # A torn line of an earlier run must not swallow this one, so each line begins on a new line.
        self._opened().write(b"\n%s %08x\n" % (line, zlib.crc32(line)))

    def _read(self) -> list[tuple[str, Batch, int]]:
        """`(verb, batch, middle)` of each whole line; the middle is 0 where there is none."""
        if not self.path.exists():
            return []
        lines = []
        for line in self.path.read_bytes().split(b"\n"):
            text, _, checksum = line.rpartition(b" ")
            if checksum != b"%08x" % zlib.crc32(text):
                continue
            verb, start, end, *more = text.decode().split(" ")
            if verb in _VERBS:
                lines.append((verb, Batch(self._segment, int(start), int(end)), int(more[0]) if more else 0))
        return lines
