"""From the spool into the store: one batch at a time, as often as the batch interval says, until it is in.

While the store is away a batch is tried again, with growing pauses, and the spool fills. A batch that the store
refuses is halved until the one request that it refuses is alone; only that is set aside, with the reason.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf.message import DecodeError

from spanwise.settings import Settings
from spanwise_collector import metrics
from spanwise_collector.priority import give_way
from spanwise_collector.spool import Batch, Spool
from spanwise_collector.store import RefusedError, Store, canonical, insert

log = logging.getLogger(__name__)

_IDLE_S = 0.5
_GATHER_S = 0.05
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0
# After so many failures in a row a batch of several requests is halved: it may be too large for the store's memory.
# A single request is tried for as long as it takes.
_FAILURES_BEFORE_HALVING = 8
# The engine unfolds a span before it writes it: spans with thirty short attributes take fifteen times their bytes, and
# merges and queries need memory too.
_MEMORY_PER_BYTE = 25


def most_batch_bytes(settings: Settings, store: Store) -> int:
    """What one batch may have: what is set, but no more than the embedded engine has memory for."""
    most: int = settings["SPANWISE_COLLECTOR_BATCH_MAX"]
    return min(most, settings["SPANWISE_COLLECTOR_MEMORY"] // _MEMORY_PER_BYTE) if store.embedded else most


class Feeder:
    """The thread that empties the spool. `start` once the store is open; `stop` lets the insert under way finish."""

    def __init__(self, spool: Spool, store: Store, interval_s: float, max_batch_bytes: int) -> None:
        self._spool = spool
        self._store = store
        self._interval_s = interval_s
        self._max_batch_bytes = max_batch_bytes
        self._client: Any = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)
        self._inserting = threading.Lock()
        self._inserts = 0
        self.failing: str | None = None  # why the store does not take batches, while it does not

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stops after the insert under way, and what then still waits if it goes in within `timeout_s`."""
        self._deadline = time.monotonic() + timeout_s
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s + 1.0)

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    @contextmanager
    def inserts(self) -> Iterator[int | None]:
        """Keeps inserts out; gives how many there were, or None while what an earlier run began is not all in."""
        with self._inserting:
            yield None if self._spool.has_replay() else self._inserts

    def _run(self) -> None:
        give_way()
        next_at = 0.0
        while not self._stopping.is_set():
            if self._spool.wait(timeout_s=_IDLE_S):
                # After a rest what comes is stored at once, but for a moment in which close requests become one insert.
                # Under load an insert costs the same whatever its size, so they keep their distance.
                self._stopping.wait(max(min(_GATHER_S, self._interval_s), next_at - time.monotonic()))
                self._feed_all()
                next_at = time.monotonic() + self._interval_s
        while time.monotonic() < self._deadline and self._feed_one():
            pass
        if self._client is not None:
            self._client.close()

    def _feed_all(self) -> None:
        """Batches without a pause while each is as large as one may be, so that a full spool drains at full speed."""
        while not self._stopping.is_set():
            if not self._feed_one() or self._spool.state().waiting_bytes < self._max_batch_bytes:
                return

    def _feed_one(self) -> bool:
        try:
            with self._inserting:
                batch = self._spool.next_batch(self._max_batch_bytes)
                if batch is None:
                    return False
                self._inserts += 1
                return self._deliver(batch)
        except OSError as error:
            self._report(f"the spool cannot be read or written: {error.strerror}")
            self._stopping.wait(_LONGEST_PAUSE_S)
            return False

    def _deliver(self, batch: Batch) -> bool:
        """Whether the batch is dealt with; False when the collector stops before (it is replayed at the next start)."""
        records, payload = self._spool.joined(batch)
        if not records:
            self._spool.stored(batch)
            return True
        pause_s = _FIRST_PAUSE_S
        failures = 0
        refused = ""
        while True:
            try:
                if refused:
                    parts = self._divide(batch, refused)
                    break
                self._insert(payload, batch)
                self._spool.stored(batch)
            except RefusedError as error:
                refused = str(error)
            except Exception as error:
                failures += 1
                metrics.INSERT_RETRIES.inc()
                self._report(" ".join(str(error).split())[:300])
                self._drop_client()
                if len(records) > 1 and failures >= _FAILURES_BEFORE_HALVING:
                    refused = "it failed again and again"
                if self._stopping.wait(pause_s):
                    return False
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            else:
                metrics.STORED_SPANS.inc(sum(record.spans for record in records))
                self._recovered()
                return True
        delivered = [self._deliver(part) for part in parts]  # each, also after one that was not
        return all(delivered)

    def _insert(self, payload: bytes | memoryview, batch: Batch) -> None:
        if self._client is None:
            self._client = self._store.client()
        began = time.perf_counter()
        insert(self._client, payload, batch.token)
        metrics.INSERT_DURATION.observe(time.perf_counter() - began)

    def _divide(self, batch: Batch, reason: str) -> tuple[Batch, ...]:
        """The halves that replace a batch; none for a single request, which goes in as protobuf itself would write it,
        or is set aside. Raises OSError, or the client's DatabaseError.
        """
        records = self._spool.payloads(batch)
        if len(records) > 1:
            return self._spool.split(batch, records[len(records) // 2][0].start)
        for record, payload in records:
            try:
                self._insert(canonical(payload), batch)
            except (RefusedError, DecodeError) as error:
                self._spool.set_aside(batch, f"{reason}; and without its unknown fields: {error}")
                metrics.SET_ASIDE_REQUESTS.inc()
            else:
                self._spool.stored(batch)
                metrics.STORED_SPANS.inc(record.spans)
        return ()

    def _report(self, reason: str) -> None:
        if self.failing is None:
            log.error("the store takes no spans: %s; they wait in the spool, and it is tried again", reason)
        self.failing = reason

    def _recovered(self) -> None:
        if self.failing is not None:
            log.info("the store takes spans again")
            self.failing = None

    def _drop_client(self) -> None:
        """A client may be broken after an error; the next insert opens another."""
        if self._client is not None:
            self._client.close()
            self._client = None
