"""`spanwise collector check`: reads all that a data folder holds, and says whether it is whole. It mends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spanwise_collector import spool
from spanwise_collector.folder import DataFolder, FolderError
from spanwise_collector.store import Store, check_tables


def check(path: Path, dsn: str, memory_bytes: int) -> Iterator[tuple[bool, str]]:
    """`(whether it is well, one line)` for each part. Raises FolderError, StoreError, NewerSchemaError."""
    path = path.expanduser().absolute()
    if not path.is_dir():
        raise FolderError(f"there is no data folder {path}: name it with --data")
    folder = DataFolder(path)
    folder.open()
    try:
        yield from _spool(folder.path / "spool")
        store = Store(dsn, folder.path, memory_bytes)
        store.open()
        try:
            client = store.client()
            yield from check_tables(client)
            client.close()
        finally:
            store.close()
    finally:
        folder.close()


def _spool(folder: Path) -> Iterator[tuple[bool, str]]:
    found = list(spool.survey(folder)) if folder.is_dir() else []
    if not found:
        yield True, "spool: empty"
    for segment in found:
        words = f"spool: segment {segment.id}: {segment.records} requests, {segment.spans} spans"
        if segment.damaged_bytes:
            yield False, f"{words}, and {segment.damaged_bytes} damaged bytes, which will be left out"
        else:
            yield True, words
