"""Dependency edges: which service called which, a minute, read back from the spans that are stored.

Caller and callee are sent by two services and arrive in two inserts, so no view can see both. The linker looks every
few seconds for minutes whose spans are not all counted in `edges`, and writes such a minute anew. That makes edges
exact whatever the order in which spans come, and however often a crash repeats an insert, for about 1 s of CPU a
million spans; it rests ten times as long as it worked.

A busy minute is linked once it has been quiet for a while, and again when stragglers came; any other at once.
With several collectors on one server it may count a minute before another collector's insert is in all tables.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from spanwise_collector.store._slices import slices
from spanwise_collector.store._store import Store

log = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent / "edges"
_INTERVAL_S = 2.0
_REST_FACTOR = 10
# A minute with more spans waits until it has had no new ones for so long.
_BUSY_SPANS = 250_000
_QUIET_S = 10.0
# Minutes that are older than this change rarely, but an import changes them. So all are looked at when the linker
# starts, then this often, and when something was inserted so soon, unless looking takes more than a 200th of the time.
_RECENT_S = 3600
_LOOK_AT_ALL_S = 600.0
_LOOK_AT_ALL_SOON_S = 20.0
_LOOK_REST_FACTOR = 200
# How many spans are joined at a time: about 50 MB of the engine's memory.
_SLICE_SPANS = 250_000
_COLUMNS = (
    "minute",
    "parent",
    "child",
    "connection",
    "version",
    "weighted_calls",
    "weighted_errors",
    "weighted_duration_ns",
    "span_count",
    "buckets",
)


class Minute(NamedTuple):
    """A minute to be linked: when it began (Unix seconds), its spans, and the version of its edges (0 for none)."""

    began: int
    spans: int
    version: int


@cache
def _sql(name: str) -> str:
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


class Linker:
    """Keeps `edges` up with the spans, on a thread of its own.

    `inserts()` is entered to look at what is stored: it gives how many inserts there were, or None while some of
    the tables may have an insert that others have not.
    """

    def __init__(self, store: Store, inserts: Callable[[], AbstractContextManager[int | None]]) -> None:
        self._store = store
        self._inserts = inserts
        self._looked_at_all = float("-inf")
        self._look_at_all_took_s = 0.0
        self._inserts_looked_at_all = -1
        self._looked_at_inserts = -1
        self._seen: dict[int, tuple[int, float]] = {}  # of busy minutes: their spans, and since when
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="edges", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Waits so long for the slice under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        rest_s = _INTERVAL_S
        while not self._stopping.wait(rest_s):
            began = time.monotonic()
            try:
                self._link_what_is_due()
            except Exception as error:
                self._store.note(error)
                log.warning("dependency edges could not be linked, and will be tried again: %s", str(error)[:300])
            rest_s = max(_INTERVAL_S, (time.monotonic() - began) * _REST_FACTOR)

    def _link_what_is_due(self) -> None:
        client = self._store.client()
        try:
            for minute in self._due(client):
                if not link(client, minute, self._stopping.is_set):
                    return
        finally:
            client.close()

    def _due(self, client: Any) -> list[Minute]:
        now = time.monotonic()
        with self._inserts() as inserts:
            look_at_all = self._is_time_for_all(now, inserts)
            if inserts is None or not (look_at_all or self._seen or inserts != self._looked_at_inserts):
                return []
            # A busy minute that waits is looked at again, however old it is.
            recent = min([int(time.time()) - _RECENT_S, *self._seen])
            found = unlinked(client, 0 if look_at_all else recent)
        self._looked_at_inserts = inserts
        if look_at_all:
            self._looked_at_all = now
            self._look_at_all_took_s = time.monotonic() - now
            self._inserts_looked_at_all = inserts
        self._seen = {
            minute.began: self._seen[minute.began]
            if self._seen.get(minute.began, (0, 0))[0] == minute.spans
            else (minute.spans, now)
            for minute in found
            if minute.spans > _BUSY_SPANS
        }
        return [
            minute
            for minute in found
            if minute.began not in self._seen or now - self._seen[minute.began][1] >= _QUIET_S
        ]

    def _is_time_for_all(self, now: float, inserts: int | None) -> bool:
        since_s = now - self._looked_at_all
        soon_s = max(_LOOK_AT_ALL_SOON_S, self._look_at_all_took_s * _LOOK_REST_FACTOR)
        return since_s >= _LOOK_AT_ALL_S or (inserts != self._inserts_looked_at_all and since_s >= soon_s)


def unlinked(client: Any, since: int = 0) -> list[Minute]:
    """The minutes from Unix second `since` on whose edges do not count all of their spans, oldest first."""
    return [Minute(*row) for row in client.query(_sql("minutes"), parameters={"since": since}).result_rows]


def link(client: Any, minute: Minute, is_stopped: Callable[[], bool] = lambda: False) -> bool:
    """Writes the edges of a minute anew; False when it was stopped before, and then wrote nothing."""
    totals: dict[tuple[str, str, str], tuple[list[float], dict[int, float]]] = {}
    begins_ns = minute.began * 10**9
    for limits in slices(client, begins_ns, begins_ns + 60 * 10**9, _SLICE_SPANS):
        if is_stopped():
            return False
        parameters = {"minute": minute.began, **limits}
        for *names, calls, errors, duration_ns, spans, found in client.query(
            _sql("link"), parameters=parameters
        ).result_rows:
            sums, buckets = totals.setdefault((names[0], names[1], names[2]), ([0.0, 0.0, 0.0, 0], {}))
            for place, value in enumerate((calls, errors, duration_ns, spans)):
                sums[place] += value
            for bucket, weight in found.items():
                buckets[bucket] = buckets.get(bucket, 0.0) + weight
    # One insert, so that a version is there as a whole or not at all.
    version = minute.version + 1
    began = datetime.fromtimestamp(minute.began, timezone.utc)
    rows = [(began, *edge, version, *sums, buckets) for edge, (sums, buckets) in sorted(totals.items())]
    rows.append((began, "", "", "call", version, 0.0, 0.0, 0.0, minute.spans, {}))
    client.insert("edges", rows, column_names=_COLUMNS)
    return True
