"""Writes records to the end of one segment, and syncs them."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from spanwise_collector import metrics
from spanwise_collector.spool import _segment
from spanwise_collector.spool._group_commit import Append

# Each part is written from where it lies: joining them first would touch fresh memory, with Python's lock held.
_PARTS_AT_ONCE = os.sysconf("SC_IOV_MAX")


class SegmentWriter:
    """The one segment that is open for writing. Used by one thread."""

    def __init__(self, folder: Path, segment_id: int) -> None:
        """Makes the file, durably. Raises OSError."""
        self._segment_id = segment_id
        self._file = os.open(folder / _segment.file_name(segment_id), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            os.write(self._file, _segment.segment_header(segment_id))
            _sync_folder(folder)
        except OSError:
            self.close()
            raise

    def write(self, items: Iterable[Append]) -> int:
        """Appends and syncs; returns how many bytes. Raises OSError, after which `cut` must follow."""
        parts: deque[bytes | memoryview] = deque()
        for item in items:
            parts += (_segment.record_header(self._segment_id, item.payload, item.spans), item.payload)
        size = sum(map(len, parts))
        began = time.perf_counter()
        while parts:
            _drop(parts, os.writev(self._file, list(islice(parts, _PARTS_AT_ONCE))))
        os.fdatasync(self._file)
        metrics.SPOOL_SYNC_DURATION.observe(time.perf_counter() - began)
        return size

    def cut(self, end: int) -> None:
        """Takes back what a failed write has left behind `end`. What the disk keeps of it was not acknowledged."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, end)

    def close(self) -> None:
        os.close(self._file)


def _drop(parts: deque[bytes | memoryview], written: int) -> None:
    """Takes so many bytes off the front."""
    while parts and written >= len(parts[0]):
        written -= len(parts.popleft())
    if written:
        parts[0] = memoryview(parts[0])[written:]


def _sync_folder(folder: Path) -> None:
    """Makes a new file's name as durable as its bytes."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
