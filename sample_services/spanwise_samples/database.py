"""A service's SQLite file: one connection per thread, statements from `sql/<service>/*.sql`."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

BUSY_TIMEOUT_S = 2.0

Row = dict[str, Any]


def statements(service: str) -> dict[str, str]:
    """Each statement by the name of its file."""
    folder = files("spanwise_samples") / "sql" / service
    return {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    }


class Database:
    """Runs the named statements of one service. Raises sqlite3.Error when the file cannot be used."""

    def __init__(self, path: Path, service: str) -> None:
        self.path = path
        self._statements = statements(service)
        self._local = threading.local()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            connection.row_factory = sqlite3.Row
            # Readers and the one writer do not wait for each other; what a crash may cost is the last order.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            self._local.connection = connection
        return connection

    def rows(self, statement: str, **parameters: Any) -> list[Row]:
        return [dict(row) for row in self._connection().execute(self._statements[statement], parameters)]

    def row(self, statement: str, **parameters: Any) -> Row | None:
        found = self._connection().execute(self._statements[statement], parameters).fetchone()
        return None if found is None else dict(found)

    def write(self, statement: str, **parameters: Any) -> int:
        """Runs one statement; returns the id of the row it added."""
        return self._connection().execute(self._statements[statement], parameters).lastrowid or 0

    def write_many(self, statement: str, rows: Iterator[Mapping[str, Any]]) -> None:
        self._connection().executemany(self._statements[statement], rows)

    def create(self) -> None:
        """Runs `schema.sql`."""
        self._connection().executescript(self._statements["schema"])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._connection() as connection:
            connection.execute("BEGIN")
            yield

    def check(self) -> None:
        """Raises sqlite3.Error when the file cannot be read. Leaves no connection, whichever thread calls it."""
        with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()

    def close(self) -> None:
        """Closes this thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None
