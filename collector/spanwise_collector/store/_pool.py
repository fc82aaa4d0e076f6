"""Clients for reading: one for each thread that asks, at most so many at a time, each query under a time limit.

Queries are files in `queries/`; their parameters are bound by the engine (`{name:Type}`), never put into the text.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from spanwise_collector import metrics
from spanwise_collector.store._store import Store

_FOLDER = Path(__file__).parent / "queries"
_TIMEOUT_EXCEEDED = 159  # ClickHouse's error code
_NAMES_AND_VALUES_ARE_BYTES = {"String": "bytes"}


class QueryTimeoutError(Exception):
    """The query took longer than allowed, or waited that long for its turn. One line that names the setting."""


@cache
def _sql(name: str) -> str:
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


class ClientPool:
    """Runs the queries of `queries/`. Thread-safe."""

    def __init__(self, store: Store, size: int, timeout_s: float) -> None:
        self._store = store
        self._timeout_s = timeout_s
        self._free: list[Any] = []
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(size)

    def rows(
        self, query: str, parameters: Mapping[str, Any] | None = None, conditions: Mapping[str, str] | None = None
    ) -> Sequence[Sequence[Any]]:
        """The rows of `queries/<query>.sql`; `String` comes as bytes, for it may hold any. Raises QueryTimeoutError,
        or the client's DatabaseError.

        `conditions` take the places `/*word*/`: SQL of ours (see `query/conditions.sql`), never a user's text.
        """
        if not self._turns.acquire(timeout=self._timeout_s):
            raise QueryTimeoutError(self._too_slow("the queries before it are not done"))
        began = time.perf_counter()
        try:
            return self._run(query, parameters or {}, conditions or {})
        finally:
            self._turns.release()
            metrics.QUERY_DURATION.labels(query).observe(time.perf_counter() - began)

    def _run(self, query: str, parameters: Mapping[str, Any], conditions: Mapping[str, str]) -> Sequence[Sequence[Any]]:
        sql = _sql(query)
        for word, condition in conditions.items():
            sql = sql.replace(f"/*{word}*/", condition)
        client = self._take()
        try:
            result = client.query(
                sql,
                parameters=dict(parameters),
                query_formats=_NAMES_AND_VALUES_ARE_BYTES,
                settings={"max_execution_time": self._timeout_s},
            )
        except Exception as error:
            client.close()
            if getattr(error, "code", None) == _TIMEOUT_EXCEEDED:
                raise QueryTimeoutError(self._too_slow("narrow the time range or add a filter")) from error
            raise
        with self._lock:
            self._free.append(client)
        rows: Sequence[Sequence[Any]] = result.result_rows
        return rows

    def _too_slow(self, advice: str) -> str:
        return f"the query took longer than {self._timeout_s:g} s (SPANWISE_COLLECTOR_QUERY_TIMEOUT): {advice}"

    def _take(self) -> Any:
        with self._lock:
            if self._free:
                return self._free.pop()
        return self._store.client()

    def close(self) -> None:
        with self._lock:
            clients, self._free = self._free, []
        for client in clients:
            client.close()
