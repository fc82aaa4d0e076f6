"""The schema's history: `schema/NNNN_name.sql`, applied once each, in order, forward only.

A file is one statement that may be applied again without harm, because a crash can come between it and its record.
To change the schema, add a file; never change one that has been released.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from spanwise_collector.store import dialect

log = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent / "schema"
_HISTORY = Path(__file__).parent / "history"


class NewerSchemaError(Exception):
    """The store was written by a later version of Spanwise, which this one cannot read."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    path: Path

    @property
    def sql(self) -> str:
        return dialect.statement(self.path.read_text(encoding="utf-8"))


@cache
def migrations() -> tuple[Migration, ...]:
    """All of them, by version."""
    found = []
    for path in sorted(_FOLDER.glob("*.sql")):
        version, _, name = path.stem.partition("_")
        found.append(Migration(int(version), name, path))
    return tuple(found)


def migrate(client: Any, database: str) -> list[Migration]:
    """Applies what the store lacks; returns it. Raises NewerSchemaError, or the client's DatabaseError."""
    client.database = database
    client.command(dialect.statement((_HISTORY / "create.sql").read_text(encoding="utf-8")))
    applied = {row[0] for row in client.query((_HISTORY / "read.sql").read_text(encoding="utf-8")).result_rows}
    known = migrations()
    if applied and max(applied) > known[-1].version:
        raise NewerSchemaError(
            f"the store was written by a later version of Spanwise (schema {max(applied)}, this one knows"
            f" {known[-1].version}): install that version, or give another data folder (--data)"
        )
    missing = [migration for migration in known if migration.version not in applied]
    for migration in missing:
        client.command(migration.sql)
        client.command(
            (_HISTORY / "record.sql").read_text(encoding="utf-8"),
            parameters={"version": migration.version, "name": migration.name},
        )
    if missing:
        log.info("store: schema brought to version %d", known[-1].version)
    return missing
