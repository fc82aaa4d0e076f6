"""`spanwise collector export` and `import`: a range of time as a file of OTLP, and back.

Both open the data folder themselves, so no collector may be running on it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spanwise.settings import Settings
from spanwise_collector.feeder import Feeder, most_batch_bytes
from spanwise_collector.folder import DataFolder, FolderError
from spanwise_collector.intake import Accepted, Intake, SpanRules, to_otlp
from spanwise_collector.spool import Spool, SpoolFullError
from spanwise_collector.store import Store, export_spans
from spanwise_collector.transfer import otlp_file

_FULL_PAUSE_S = 0.1
_STORE_WAIT_S = 600.0
_FEEDER_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the spans of some files."""

    spans: int
    rejected_spans: int
    why: Sequence[str]


def export_file(settings: Settings, from_ns: int, to_ns: int, path: Path) -> tuple[int, int]:
    """Writes the spans that start in [from_ns, to_ns); returns `(spans, bytes)`.

    Raises FolderError, StoreError, NewerSchemaError, OSError, or the client's DatabaseError.
    """
    spans = 0

    def counted(requests: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal spans
        for request in requests:
            spans += otlp_file.span_count(request)
            yield request

    with _opened(settings) as (_, store):
        client = store.client()
        try:
            size = otlp_file.write(path, counted(export_spans(client, from_ns, to_ns)))
        finally:
            client.close()
    return spans, size


def import_files(settings: Settings, paths: Sequence[Path]) -> Imported:
    """Takes the requests of the files in as if they were sent, under the same rules, and waits until they are stored.

    Raises FileFormatError, MalformedError, FolderError, StoreError, NewerSchemaError, SpoolError, or OSError; what was
    taken in before stays.
    """
    with _opened(settings) as (folder, store):
        spool = Spool(folder / "spool", settings["SPANWISE_COLLECTOR_SPOOL_MAX"])
        spool.open()
        feeder = Feeder(spool, store, settings["SPANWISE_COLLECTOR_BATCH_INTERVAL"], most_batch_bytes(settings, store))
        feeder.start()
        intake = Intake(spool, SpanRules(settings["SPANWISE_COLLECTOR_RETENTION"]))
        spans = rejected = 0
        why: dict[str, None] = {}
        try:
            for path in paths:
                for request in otlp_file.read(path):
                    accepted = _accept(intake, to_otlp(request) if otlp_file.is_json(path) else request)
                    spans += accepted.spans
                    rejected += accepted.rejected_spans
                    if accepted.message:
                        why[accepted.message] = None
            if not spool.flush(_STORE_WAIT_S):
                raise FolderError("the store does not take the spans; they wait in the spool for the next start")
        finally:
            feeder.stop(_FEEDER_STOP_S)
            spool.close()
    return Imported(spans, rejected, list(why))


def _accept(intake: Intake, request: bytes) -> Accepted:
    """Waits while the spool is full."""
    while True:
        try:
            return intake.accept(request, "import")
        except SpoolFullError:
            time.sleep(_FULL_PAUSE_S)


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Path, Store]]:
    """The data folder, locked, and its store."""
    folder = DataFolder(Path(settings["SPANWISE_COLLECTOR_DATA"]))
    folder.open()
    try:
        store = Store(settings["SPANWISE_COLLECTOR_STORE"], folder.path, settings["SPANWISE_COLLECTOR_MEMORY"])
        store.open()
        try:
            yield folder.path, store
        finally:
            store.close()
    finally:
        folder.close()
