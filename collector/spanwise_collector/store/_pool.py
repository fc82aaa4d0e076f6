"""Clients for reading: one for each thread that asks, at most so many at a time, each query under a time limit.

Queries are files in `queries/`; their parameters are bound by the engine (`{name:Type}`), never put into the text. What
runs for a request is noted there (`Asking`), and stopped when its caller is gone.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from spanwise_collector import metrics
from spanwise_collector.store._asking import Ran, current
from spanwise_collector.store._cancelling import Cancelling
from spanwise_collector.store._store import Store

_FOLDER = Path(__file__).parent / "queries"
_COMMENT_LINE = re.compile(r"^ *--.*\n", re.MULTILINE)
# ClickHouse's error codes
_TIMEOUT_EXCEEDED = 159
_MEMORY_LIMIT_EXCEEDED = 241
_QUERY_WAS_CANCELLED = 394
_TOO_MANY_ROWS_OR_BYTES = 396
_CANNOT_COMPILE_REGEXP = 427
_NAMES_AND_VALUES_ARE_BYTES = {"String": "bytes"}
_STREAMED_BLOCK_ROWS = 4096
# How much longer than the engine alone a query may take together with whoever reads its blocks.
_READER_FACTOR = 12

Rows = Sequence[Sequence[Any]]
Parameters = Mapping[str, Any]
Conditions = Mapping[str, str]


class QueryTimeoutError(Exception):
    """The query took longer than allowed, or waited that long for its turn. One line that names the setting."""


class QueryTooLargeError(Exception):
    """The result has more rows than allowed. One line that names the setting."""


class QueryMemoryError(Exception):
    """The query needed more memory than the engine has left. One line that names the setting."""


class QueryCancelledError(Exception):
    """Whoever asked went away."""


class BadPatternError(ValueError):
    """A regular expression that the engine does not take. One line that says why."""


@cache
def _sql(name: str) -> str:
    """Without its comments: the client looks at each word of a query that has a semicolon anywhere."""
    return _COMMENT_LINE.sub("", (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")).strip()


class ClientPool:
    """Runs the queries of `queries/`. Thread-safe."""

    def __init__(self, store: Store, size: int, timeout_s: float, max_rows: int = 0) -> None:
        """`size` queries at a time, each of `timeout_s` and, unless in blocks, `max_rows`; 0 is no such limit."""
        self._store = store
        self._timeout_s = timeout_s
        self._max_rows = max_rows
        self._free: list[Any] = []
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(size)
        self._cancelling = Cancelling(store)

    def rows(
        self,
        query: str,
        parameters: Parameters | None = None,
        conditions: Conditions | None = None,
        budget_s: float | None = None,
    ) -> Rows:
        """The rows of `queries/<query>.sql`; `String` comes as bytes, for it may hold any.

        `conditions` take the places `/*word*/`: SQL of ours (see `query/conditions.sql`), never a user's text.
        `budget_s` is a time limit below that of the setting. Raises QueryTimeoutError, QueryTooLargeError,
        QueryMemoryError, QueryCancelledError, BadPatternError, or the client's DatabaseError.
        """
        with self._running(query, parameters or {}, conditions or {}, budget_s) as (client, arguments, note):
            arguments["settings"]["max_result_rows"] = self._max_rows
            rows: Rows = client.query(**arguments).result_rows
            note(len(rows))
        return rows

    def blocks(
        self, query: str, parameters: Parameters, conditions: Conditions | None = None
    ) -> Generator[Rows, None, None]:
        """Like `rows`, some thousand at a time, so that only these are in memory. Close it when it is not read out."""
        with self._running(query, parameters, conditions or {}, None) as (client, arguments, note):
            # The engine counts the time between two blocks, which is the reader's, as its own; so here it is measured.
            arguments["settings"] |= {
                "max_block_size": _STREAMED_BLOCK_ROWS,
                "max_execution_time": self._timeout_s * _READER_FACTOR,
            }
            row_count = 0
            waited_s = -time.perf_counter()
            try:
                with client.query_row_block_stream(**arguments) as stream:
                    for block in stream:
                        waited_s += time.perf_counter()
                        if waited_s > self._timeout_s:
                            raise QueryTimeoutError(self._too_slow("ask for less"))
                        row_count += len(block)
                        yield block
                        waited_s -= time.perf_counter()
            finally:  # also of a reader who has seen enough
                note(row_count)

    @contextmanager
    def _running(
        self, query: str, parameters: Parameters, conditions: Conditions, budget_s: float | None
    ) -> Iterator[tuple[Any, dict[str, Any], Callable[[int], None]]]:
        """A client and the arguments of its query, in its turn; call the third with the number of rows at the end."""
        timeout_s = self._timeout_s if budget_s is None else min(budget_s, self._timeout_s)
        if not self._turns.acquire(timeout=self._timeout_s):
            raise QueryTimeoutError(self._too_slow("the queries before it are not done"))
        began = time.perf_counter()
        sql = _with_conditions(_sql(query), conditions)
        on_behalf_of = current()

        def note(row_count: int) -> None:
            if on_behalf_of is not None:
                on_behalf_of.ran.append(Ran(query, sql, time.perf_counter() - began, row_count))

        try:
            with self._client() as client, self._watched() as mark:
                settings = {**self._store.query_settings, "max_execution_time": timeout_s, **mark}
                arguments = {
                    "query": sql,
                    "parameters": dict(parameters),
                    "query_formats": _NAMES_AND_VALUES_ARE_BYTES,
                    "settings": settings,
                }
                yield client, arguments, note
        finally:
            self._turns.release()
            metrics.QUERY_DURATION.labels(query).observe(time.perf_counter() - began)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        """One for this thread; the engine's refusals are told in our words, and a client that failed is let go."""
        client = self._take()
        try:
            yield client
        except BaseException as error:
            client.close()
            ours = self._in_our_words(error)
            if ours is not None:
                raise ours from error
            raise
        with self._lock:
            self._free.append(client)

    def _in_our_words(self, error: BaseException) -> Exception | None:
        code = getattr(error, "code", None)
        advice = "narrow the time range or add a filter"
        if code == _TIMEOUT_EXCEEDED:
            return QueryTimeoutError(self._too_slow(advice))
        if code == _TOO_MANY_ROWS_OR_BYTES:
            setting = f"{self._max_rows} (SPANWISE_COLLECTOR_MAX_ROWS)"
            return QueryTooLargeError(f"the result of the query has more rows than {setting}: {advice}")
        if code == _MEMORY_LIMIT_EXCEEDED:
            setting = "SPANWISE_COLLECTOR_MEMORY"
            return QueryMemoryError(f"the query needs more memory than the store may use ({setting}): {advice}")
        if code == _QUERY_WAS_CANCELLED:
            return QueryCancelledError("the query was stopped: whoever asked went away")
        if code == _CANNOT_COMPILE_REGEXP:
            return BadPatternError(_why_no_pattern(str(error)))
        return None

    def _watched(self) -> AbstractContextManager[dict[str, str]]:
        """The settings by which the query is found when its caller goes away."""
        on_behalf_of = current()
        if on_behalf_of is None or on_behalf_of.cancelled is None:
            return nullcontext({})
        if on_behalf_of.cancelled():
            raise QueryCancelledError("whoever asked went away before the query began")
        return self._marked(on_behalf_of.cancelled)

    @contextmanager
    def _marked(self, cancelled: Callable[[], bool]) -> Iterator[dict[str, str]]:
        with self._cancelling.watched(cancelled) as mark:
            yield {"log_comment": mark}

    def _too_slow(self, advice: str) -> str:
        return f"the query took longer than {self._timeout_s:g} s (SPANWISE_COLLECTOR_QUERY_TIMEOUT): {advice}"

    def _take(self) -> Any:
        with self._lock:
            if self._free:
                return self._free.pop()
        return self._store.client()

    def close(self) -> None:
        self._cancelling.close()
        with self._lock:
            clients, self._free = self._free, []
        for client in clients:
            client.close()


def _with_conditions(sql: str, conditions: Conditions) -> str:
    for word, condition in conditions.items():
        sql = sql.replace(f"/*{word}*/", condition)
    return sql


def _why_no_pattern(message: str) -> str:
    """From `Code: 427. ... cannot compile re2: (, error: missing ): (. Look at ...`."""
    reason = message.partition("cannot compile re2: ")[2].partition(". Look at")[0].partition(", error: ")[2]
    return f"not a regular expression (RE2): {reason[:200] or 'it is too large'}"
