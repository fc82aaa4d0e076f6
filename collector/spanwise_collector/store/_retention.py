"""How long and how much the store keeps: by age through each table's TTL, by size by dropping the oldest minutes."""

from __future__ import annotations

import logging
import re
import threading
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import Any

from spanwise_collector import metrics
from spanwise_collector.store._store import Store

log = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent / "retention"
_INTERVAL_S = 5.0
# Room is made down to this share of the limit, so that it is not made every few seconds.
_MAKE_ROOM_TO = 0.93
_DAY = re.compile(r"\d{8}")

# Each table that holds spans or what was made of them, and the time from which its rows age. All have one partition a
# day, so a part expires as a whole and a day can be dropped from all.
TABLES = {
    "spans": "toDateTime(start)",
    "trace_spans": "toDateTime(start)",
    "traces": "minute",
    "red_minutes": "minute",
    "service_minutes": "minute",
    "origins": "toDateTime(day + 1)",
    "operations": "toDateTime(day + 1)",
    "attribute_keys": "toDateTime(day + 1)",
    "edges": "minute",
}

# What is left when a day is cut has the size of a catalog.
_CUT_BY_MINUTE = ("spans", "traces", "trace_spans", "red_minutes", "service_minutes", "edges")


def _statement(name: str, **words: object) -> str:
    return Template((_FOLDER / f"{name}.sql").read_text(encoding="utf-8")).substitute(words)


class Retention:
    """Applies the limits at start and then every few seconds, on a thread of its own."""

    def __init__(self, store: Store, max_age_s: float, max_bytes: int) -> None:
        self._store = store
        self._max_age_s = max_age_s
        self._max_bytes = max_bytes
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Waits so long for the statement under way; another age for a full store takes it longer."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        aged = False
        while not self._stopping.is_set():
            try:
                client = self._store.client()
                try:
                    if not aged:
                        apply_max_age(client, self._max_age_s)
                        aged = True
                    apply_max_bytes(client, self._max_bytes)
                finally:
                    client.close()
            except Exception as error:
                log.warning("retention could not be applied, and will be tried again: %s", str(error)[:300])
            self._stopping.wait(_INTERVAL_S)


def apply_max_age(client: Any, max_age_s: float) -> None:
    """Sets the TTL of each table that has another one."""
    seconds = int(max_age_s)
    for table, time in TABLES.items():
        definition = client.query(_statement("definition"), parameters={"table": table}).result_rows[0][0]
        if f"toIntervalSecond({seconds})" not in definition:
            client.command(_statement("set_max_age", table=table, time=time, seconds=seconds))


def apply_max_bytes(client: Any, max_bytes: int) -> list[str]:
    """Drops the oldest days and then minutes until the rest is well below the limit; returns what it dropped, in words.

    The newest minute always stays.
    """
    days = client.query(_statement("days"), parameters={"tables": list(TABLES)}).result_rows
    total = sum(row[1] for row in days)
    metrics.STORE_BYTES.set(total)
    metrics.STORE_ROWS.set(sum(row[2] for row in days))
    dropped: list[str] = []
    if total <= max_bytes:
        return dropped
    excess = total - int(max_bytes * _MAKE_ROOM_TO)
    for day, size, _ in days:
        if not _DAY.fullmatch(day):
            raise ValueError(f"the store has a partition {day!r}, which is not a day")
        if excess <= 0:
            break
        if size <= excess and day != days[-1][0]:
            for table in TABLES:
                client.command(_statement("drop_day", table=table, day=day))
            dropped.append(day)
        else:
            dropped += _cut_day(client, day, excess / size)
        excess -= size
    if dropped:
        log.warning("retention: dropped the spans of %s: the store may take %d bytes", ", ".join(dropped), max_bytes)
    return dropped


def _cut_day(client: Any, day: str, share: float) -> list[str]:
    """Drops the oldest minutes that have this share of the day's spans, but never all."""
    minutes = client.query(_statement("minutes"), parameters={"day": day}).result_rows
    wanted = share * sum(spans for _, spans in minutes)
    for (_, spans), (following, _) in pairwise(minutes):
        wanted -= spans
        if wanted <= 0 or following == minutes[-1][0]:
            for table in _CUT_BY_MINUTE:
                client.command(_statement("cut_day", table=table, day=day, time=TABLES[table], began=following))
            until = datetime.fromtimestamp(following, timezone.utc)
            return [f"{day} before {until:%H:%M}"]
    return []
