"""Append, fsync together, acknowledge; hand out batches; forget what the store has."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from spanwise_collector import metrics
from spanwise_collector.spool import _segment
from spanwise_collector.spool._batch_reader import BatchReader
from spanwise_collector.spool._batches import Batch, BatchLog
from spanwise_collector.spool._group_commit import Append, GroupCommit, SpoolError
from spanwise_collector.spool._refused import RefusedFolder
from spanwise_collector.spool._segment import Damage, Record
from spanwise_collector.spool._writer import SegmentWriter

log = logging.getLogger(__name__)

# A segment is freed as a whole, so it is small beside the bound of the spool, and large beside a batch.
_SEGMENT_BYTES = 64 * 2**20
_SEGMENTS_AT_LEAST = 8
# A segment whose records are all stored is closed once it is worth deleting.
_WORTH_DELETING = 2**20
# How finely the age of waiting records is known.
_AGE_STEP_S = 0.05


class SpoolFullError(SpoolError):
    """There is no room until the store has caught up, or the disk has room."""


@dataclass(frozen=True, slots=True)
class SpoolState:
    """A snapshot: sizes in bytes; `oldest_age_s` of the oldest record that the store does not have, 0 when none."""

    disk_bytes: int
    waiting_bytes: int
    oldest_age_s: float


@dataclass(slots=True)
class _Segment:
    """A segment on disk. `durable` is where its synced bytes end, `taken` where the next batch begins."""

    id: int
    log: BatchLog
    durable: int = _segment.SEGMENT_HEADER.size
    taken: int = _segment.SEGMENT_HEADER.size
    replay: deque[Batch] = field(default_factory=deque)
    open_batches: set[Batch] = field(default_factory=set)
    sealed: bool = False

    @property
    def has_waiting(self) -> bool:
        return bool(self.replay) or self.taken < self.durable

    @property
    def is_done(self) -> bool:
        """The store has all of it."""
        return not self.has_waiting and not self.open_batches


class Spool:
    """A folder of segments, bounded to `max_bytes` on disk. One process at a time may have it open.

    Call `open` before anything else, and `close` at the end. `append` may be called from any thread; `next_batch` and
    what follows it from one thread only.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = max(min(_SEGMENT_BYTES, max_bytes // _SEGMENTS_AT_LEAST), 64 * 2**10)
        self._refused = RefusedFolder(folder / "refused")
        self._committer = GroupCommit(self._commit, rest=self._close_done)
        self._changed = threading.Condition()  # guards all below
        self._segments: dict[int, _Segment] = {}
        self._active: _Segment | None = None
        self._next_id = 1
        self._ages: deque[tuple[int, int, float]] = deque()  # (segment, end, time): what ends there is as old
        self._full_since: float | None = None
        self._reader = BatchReader(folder)  # used by the feeder's thread only
        self._writer: SegmentWriter | None = None  # of the active segment; used by the committer's thread only

    # Opening and closing

    def open(self) -> None:
        """Finds what earlier runs left, cuts a torn tail, starts the committer. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        ids = _segment.segment_ids(self._folder)
        for segment_id in ids:
            self._find(segment_id, newest=segment_id == ids[-1])
        self._next_id = max(ids, default=0) + 1
        waiting = self.state().waiting_bytes
        if waiting:
            log.info("spool: %d bytes that an earlier run acknowledged go to the store now", waiting)
        self._committer.start()

    def _find(self, segment_id: int, newest: bool) -> None:
        path = self._folder / _segment.file_name(segment_id)
        size = self._cut_torn_tail(segment_id, path) if newest else path.stat().st_size
        segment = _Segment(segment_id, BatchLog(self._folder, segment_id), size, sealed=True)
        open_batches, position = segment.log.open_batches()
        segment.replay.extend(open_batches)
        segment.taken = max(segment.taken, position)
        self._segments[segment_id] = segment
        self._ages.append((segment_id, size, time.monotonic()))
        self._forget_when_done(segment)

    def _cut_torn_tail(self, segment_id: int, path: Path) -> int:
        """The segment's size after what follows its last whole record is gone."""
        data = path.read_bytes()
        end = len(data)
        for piece in _segment.scan(segment_id, data):
            if isinstance(piece, Damage) and piece.end == len(data):
                end = piece.start
        if end < len(data):
            log.warning("spool: cut a torn tail of %d bytes (never acknowledged) off %s", len(data) - end, path.name)
            os.truncate(path, end)
        return end

    def close(self) -> None:
        """Commits what was appended and closes the files; what the store does not have waits for the next start."""
        self._committer.close()
        self._close_active()
        with self._changed:
            self._changed.notify_all()
            for segment in self._segments.values():
                segment.log.close()

    # Appending

    def append(self, payload: bytes, spans: int) -> None:
        """Returns when the request is on disk. Raises SpoolFullError or SpoolError, and then nothing was kept."""
        self._committer.append(Append(payload, spans, _segment.RECORD_HEADER.size + len(payload)), self._admit)

    def _admit(self, queued_bytes: int) -> None:
        with self._changed:
            full = self._disk_bytes() + queued_bytes > self._max_bytes
            self._count_back_pressure(full)
        if full:
            raise SpoolFullError(
                f"the spool is full ({self._max_bytes} bytes wait for the store; SPANWISE_COLLECTOR_SPOOL_MAX);"
                " send again later"
            )

    def _count_back_pressure(self, full: bool) -> None:
        now = time.monotonic()
        if self._full_since is not None:
            metrics.BACK_PRESSURE_SECONDS.inc(now - self._full_since)
        self._full_since = now if full else None

    def _commit(self, items: list[Append]) -> None:
        """Writes and syncs one group; on failure leaves the segment as it was before and tells each sender."""
        try:
            segment, writer = self._writable()
            written = writer.write(items)
        except OSError as failure:
            log.error("spool: %s: %s; senders are answered 503", self._folder, failure.strerror)
            error = SpoolFullError(f"the spool cannot be written ({failure.strerror}); send again later")
            for item in items:
                item.error = error
            if self._writer is not None and self._active is not None:
                self._writer.cut(self._active.durable)
            self._close_active()
            with self._changed:
                self._count_back_pressure(full=True)
            return
        with self._changed:
            segment.durable += written
            self._note_age(segment)
            self._changed.notify_all()

    def _writable(self) -> tuple[_Segment, SegmentWriter]:
        """The active segment, or a new one when that is full, done or broken. Raises OSError."""
        active, writer = self._active, self._writer
        if active is not None and writer is not None and not active.sealed and active.durable < self._segment_bytes:
            return active, writer
        self._close_active()
        segment_id, self._next_id = self._next_id, self._next_id + 1
        writer = self._writer = SegmentWriter(self._folder, segment_id)
        segment = _Segment(segment_id, BatchLog(self._folder, segment_id))
        with self._changed:
            self._segments[segment_id] = self._active = segment
        return segment, writer

    def _close_active(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        with self._changed:
            segment, self._active = self._active, None
            if segment is not None:
                segment.sealed = True
                self._forget_when_done(segment)

    def _close_done(self) -> None:
        """Closes the active segment when the feeder has asked for it."""
        if self._active is not None and self._active.sealed:
            self._close_active()

    # Feeding

    def wait(self, timeout_s: float) -> bool:
        """Whether there is something to feed; waits for it up to `timeout_s`."""
        with self._changed:
            if not self._has_waiting():
                self._changed.wait(timeout_s)
            return self._has_waiting()

    def next_batch(self, max_bytes: int) -> Batch | None:
        """The oldest whole records that no batch has yet, up to `max_bytes` (but at least one); None for none.

        The batch is logged, and so will be inserted exactly like this until `stored`, `set_aside` or `split`. Batches
        that an earlier run began come first. Raises OSError.
        """
        while (segment := self._oldest_waiting()) is not None:
            if segment.replay:
                with self._changed:
                    batch = segment.replay.popleft()
                    segment.open_batches.add(batch)
                    return batch
            batch = self._next_range(segment, max_bytes)
            if self._reader.records():
                self._begin(batch)
                return batch
            with self._changed:
                segment.taken = batch.end
                self._forget_when_done(segment)
        return None

    def _begin(self, batch: Batch) -> None:
        segment = self._segments[batch.segment]
        segment.log.begin(batch)
        with self._changed:
            segment.taken = max(segment.taken, batch.end)
            segment.open_batches.add(batch)

    def payloads(self, batch: Batch) -> list[tuple[Record, bytes]]:
        """The whole records of a batch. Damaged ones (a disk that lies) are left out and said. Raises OSError."""
        self._have_read(batch)
        return self._reader.payloads()

    def joined(self, batch: Batch) -> tuple[list[Record], memoryview]:
        """The whole records of a batch, and their payloads one after the other. Raises OSError.

        These lie in memory that is used again: they hold until another batch is asked for, or this one once more.
        """
        self._have_read(batch)
        return self._reader.records(), self._reader.joined()

    def _have_read(self, batch: Batch) -> None:
        if not self._reader.has(batch):
            self._say(batch, self._reader.read(batch)[1])

    def _say(self, batch: Batch, damages: list[Damage]) -> None:
        for _ in damages:
            log.error("spool: segment %d is damaged within %s; what was there is lost", batch.segment, batch.token)

    def stored(self, batch: Batch) -> None:
        """The store has it, durably."""
        self._end("stored", batch)

    def split(self, batch: Batch, middle: int) -> tuple[Batch, Batch]:
        """Replaces a batch by two that meet at `middle`, where a record begins; returns them. Raises OSError."""
        halves = batch.halves(middle)
        segment = self._segments[batch.segment]
        segment.log.split(batch, middle)
        with self._changed:
            segment.open_batches.discard(batch)
            segment.open_batches.update(halves)
        return halves

    def set_aside(self, batch: Batch, reason: str) -> None:
        """Keeps the one request of the batch, with the reason, out of the way. Raises OSError."""
        for _, payload in self.payloads(batch):
            self._refused.keep(batch, payload, reason)
        self._end("refused", batch)

    def _end(self, verb: str, batch: Batch) -> None:
        segment = self._segments[batch.segment]
        try:
            segment.log.end(verb, batch)
        except OSError as error:  # a full disk: after a crash it is inserted again, and the store knows its token
            log.warning("spool: the end of batch %s could not be noted: %s", batch.token, error.strerror)
        with self._changed:
            segment.open_batches.discard(batch)
            close_it = segment is self._active and segment.is_done and self._is_worth_deleting(segment)
            if close_it:
                segment.sealed = True
            self._forget_when_done(segment)
            while self._ages and self._is_stored(*self._ages[0][:2]):
                self._ages.popleft()
            self._changed.notify_all()
        if close_it:
            self._committer.nudge()

    def _is_worth_deleting(self, segment: _Segment) -> bool:
        return segment.durable >= min(_WORTH_DELETING, self._segment_bytes)

    def _is_stored(self, segment_id: int, end: int) -> bool:
        segment = self._segments.get(segment_id)
        if segment is None:
            return True
        waiting = (*segment.replay, *segment.open_batches)
        return segment.taken >= end and all(batch.start >= end for batch in waiting)

    def _forget_when_done(self, segment: _Segment) -> None:
        """Deletes a segment that is done, unless it is still open for writing."""
        if segment.sealed and segment.is_done and segment is not self._active:
            self._segments.pop(segment.id, None)
            (self._folder / _segment.file_name(segment.id)).unlink(missing_ok=True)
            segment.log.delete()

    def _oldest_waiting(self) -> _Segment | None:
        with self._changed:
            waiting = (segment for segment in self._segments.values() if segment.has_waiting)
            return min(waiting, key=lambda segment: segment.id, default=None)

    def _next_range(self, segment: _Segment, max_bytes: int) -> Batch:
        """The records that begin at `taken` and fit into `max_bytes`, but at least one. Raises OSError."""
        available = segment.durable
        size = max_bytes
        while True:
            batch = Batch(segment.id, segment.taken, min(segment.taken + size, available))
            found, damages = self._reader.read(batch)
            if batch.end < available:
                # What is damaged behind the last record may be one that goes on beyond what was read.
                if not found:
                    size *= 2
                    continue
                batch = Batch(segment.id, batch.start, found[-1].end)
                damages = [damage for damage in damages if damage.end <= batch.end]
                self._reader.keep(batch, found)
            self._say(batch, damages)
            return batch

    def flush(self, timeout_s: float) -> bool:
        """Whether the store has all that was acknowledged before the call; waits for it.

        Then the segment that is open for writing is closed, if the store has all of it, and deleted.
        """
        until = time.monotonic() + timeout_s
        with self._changed:
            ends = [(segment.id, segment.durable) for segment in self._segments.values()]
            while not all(self._is_stored(*end) for end in ends):
                if not self._changed.wait(until - time.monotonic()) and time.monotonic() >= until:
                    return False
            if self._active is not None and self._active.is_done:
                self._active.sealed = True
        self._committer.nudge()
        return True

    # Looking

    def state(self) -> SpoolState:
        with self._changed:
            segments = self._segments.values()
            waiting = sum(
                segment.durable
                - segment.taken
                + sum(batch.end - batch.start for batch in (*segment.replay, *segment.open_batches))
                for segment in segments
            )
            done = all(segment.is_done for segment in segments)
            age = 0.0 if done or not self._ages else time.monotonic() - self._ages[0][2]
            return SpoolState(self._disk_bytes(), waiting, age)

    def has_replay(self) -> bool:
        """Whether batches that an earlier run began are still to be taken."""
        with self._changed:
            return any(segment.replay for segment in self._segments.values())

    def _has_waiting(self) -> bool:
        return any(segment.has_waiting for segment in self._segments.values())

    def _disk_bytes(self) -> int:
        return sum(segment.durable for segment in self._segments.values())

    def _note_age(self, segment: _Segment) -> None:
        """Remembers when this was committed; what comes within one step counts as of the step's beginning."""
        since = time.monotonic()
        if self._ages and since - self._ages[-1][2] < _AGE_STEP_S:
            since = self._ages.pop()[2]
        self._ages.append((segment.id, segment.durable, since))
