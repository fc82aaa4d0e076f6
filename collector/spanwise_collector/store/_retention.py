"""How long and how much the store keeps: by age through each table's TTL, by size through dropping the oldest day."""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path
from string import Template
from typing import Any

from spanwise_collector import metrics
from spanwise_collector.store._store import Store

log = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent / "retention"
_INTERVAL_S = 30.0
_DAY = re.compile(r"\d{8}")

# Each table that holds spans or what was made of them, and the time from which its rows age. All have one partition a
# day, so a part expires as a whole and a day can be dropped from all.
TABLES = {
    "spans": "toDateTime(start)",
    "trace_spans": "toDateTime(start)",
    "traces": "minute",
    "red_minutes": "minute",
    "origins": "toDateTime(day + 1)",
    "operations": "toDateTime(day + 1)",
    "attribute_keys": "toDateTime(day + 1)",
    "edges": "minute",
}


def _statement(name: str, **words: object) -> str:
    return Template((_FOLDER / f"{name}.sql").read_text(encoding="utf-8")).substitute(words)


class Retention:
    """Applies the limits at start and then every half a minute, on a thread of its own."""

    def __init__(self, store: Store, max_age_s: float, max_bytes: int) -> None:
        self._store = store
        self._max_age_s = max_age_s
        self._max_bytes = max_bytes
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

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
    """Drops the oldest days until the rest fits; returns them (`["20261101"]`). The newest day always stays."""
    days = client.query(_statement("days"), parameters={"tables": list(TABLES)}).result_rows
    total = sum(row[1] for row in days)
    metrics.STORE_BYTES.set(total)
    metrics.STORE_ROWS.set(sum(row[2] for row in days))
    dropped = []
    for day, size, _ in days[:-1]:
        if total <= max_bytes:
            break
        if not _DAY.fullmatch(day):
            raise ValueError(f"the store has a partition {day!r}, which is not a day")
        for table in TABLES:
            client.command(_statement("drop_day", table=table, day=day))
        log.warning("retention: dropped the spans of %s: the store may take %d bytes", day, max_bytes)
        total -= size
        dropped.append(day)
    return dropped
