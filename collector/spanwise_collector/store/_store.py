"""One way to the store, wherever it is: the embedded engine or a ClickHouse server, with the same SQL."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from spanwise_collector.store import _engine
from spanwise_collector.store._migrations import migrate

log = logging.getLogger(__name__)

EMBEDDED = "chdb"
SERVER = "clickhouse"
_DATABASE = "spanwise"
_DATABASE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What every query gets from an embedded engine one of whose threads died, as it does when a file that it wants to take
# away cannot be taken away: ClickHouse's ABORTED, which a query that was stopped gets too, with these words.
_ABORTED = 236
_FATAL = "due to a fatal error"


class StoreError(Exception):
    """The store cannot be opened: one line that says what, why and what to do."""


class NotOpenError(Exception):
    """The store is not open yet, or no more. One line for whoever asks."""


class Store:
    """Opens clients. One client serializes its own calls, so each thread has its own (see `ClientPool`)."""

    def __init__(self, dsn: str, folder: Path, memory_bytes: int) -> None:
        """`dsn` is `chdb://` (in `folder`) or `clickhouse://user:password@host:port/database`. Raises StoreError."""
        parts = urlsplit(dsn)
        if parts.scheme not in (EMBEDDED, SERVER):
            raise StoreError(
                f"the store {parts.scheme}:// is not known: use chdb:// or clickhouse://host:port/database"
            )
        if parts.scheme == EMBEDDED and (parts.netloc or parts.path.strip("/")):
            raise StoreError("the store chdb:// takes no path: it lies in the data folder (--data)")
        self.embedded = parts.scheme == EMBEDDED
        self.database = parts.path.strip("/") or _DATABASE
        if not _DATABASE_NAME.fullmatch(self.database):
            raise StoreError(f"{self.database!r} is not a database name: letters, digits and _")
        # A server's own settings are its owner's business.
        self.query_settings: Mapping[str, Any] = _engine.QUERY_SETTINGS if self.embedded else {}
        self._dsn = parts._replace(path="").geturl()
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._arguments: dict[str, Any] = {}
        self._keeper: Any = None
        self._module: Any = None
        self.is_open = False
        self.why_not_open = "it is being opened; ask again in a moment"
        self.dead = False  # the embedded engine will answer nothing any more in this process

    def open(self) -> None:
        """Connects, and brings the schema to this version.

        Raises NewerSchemaError, or whatever the client raises when the store is away; then it may be called again.
        """
        try:
            self._open()
        except Exception as error:
            self.why_not_open = " ".join(str(error).split())[:300]
            self.close()
            raise
        self.is_open = True

    def _open(self) -> None:
        if self.embedded:
            self._module = _engine.load_embedded()
            self._arguments = _engine.connection(self._folder, self._memory_bytes)
        else:
            self._module = _engine.load()
            self._arguments = {"dsn": self._dsn}
        # The embedded engine stops with its last client; this one keeps it up.
        self._keeper = self._module.get_client(**self._arguments)
        self._keeper.command(f"CREATE DATABASE IF NOT EXISTS {self.database}")
        migrate(self._keeper, self.database)

    def client(self) -> Any:
        """A new `clickhouse_connect` client; the caller closes it. Its calls must come from one thread at a time.

        Raises NotOpenError.
        """
        if not self.is_open:
            raise NotOpenError(f"the store is not open: {self.why_not_open}")
        return self._module.get_client(**self._arguments, database=self.database)

    def note(self, error: BaseException) -> None:
        """Whoever asks regularly tells what it failed with: it may be the engine's death."""
        if self.embedded and getattr(error, "code", None) == _ABORTED and _FATAL in str(error):
            self.dead = True

    def is_writable(self) -> bool:
        """Whether the embedded engine's folder is there and takes files."""
        try:
            with tempfile.TemporaryFile(dir=self._arguments["path"]):
                return True
        except OSError:
            return False

    def close(self) -> None:
        self.is_open = False
        if self._keeper is not None and not self.dead:
            self._keeper.close()
            self._keeper = None
