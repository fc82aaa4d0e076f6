"""`spanwise collector export` and `import` on the command line."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from spanwise.settings import Settings

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The files, and the range of time."""
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="of export and import: .jsonl is OTLP in JSON, else protobuf",
    )
    parser.add_argument(
        "--from",
        dest="begins",
        metavar="TIME",
        help="export what started from then on: 2026-11-20, 2026-11-20T08:30:00Z, or an age such as 2h (all there is)",
    )
    parser.add_argument("--until", metavar="TIME", help="and before then (now)")


def run(action: str, settings: Settings, files: list[Path], begins: str | None, until: str | None) -> int:
    """0 when all is written or stored, 1 when spans were refused. Raises CommandError."""
    from spanwise.command import fail
    from spanwise_collector.folder import FolderError
    from spanwise_collector.intake import MalformedError
    from spanwise_collector.spool import SpoolError
    from spanwise_collector.store import NewerSchemaError, StoreError
    from spanwise_collector.transfer.otlp_file import FileFormatError

    # The engine makes the data folder the working directory.
    paths = [path.expanduser().absolute() for path in files]
    try:
        return _import(settings, paths) if action == "import" else _export(settings, paths, begins, until)
    except (FolderError, StoreError, NewerSchemaError, SpoolError, FileFormatError, MalformedError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or 'the file'}: {error.strerror}")


def _export(settings: Settings, paths: list[Path], begins: str | None, until: str | None) -> int:
    from spanwise.command import fail
    from spanwise_collector.transfer._transfer import export_file

    if len(paths) != 1:
        fail("export writes one file: spanwise collector export --from 2h traces.jsonl.gz")
    now_ns = time.time_ns()
    try:
        from_ns = parse_time(begins, now_ns) if begins else 0
        to_ns = parse_time(until, now_ns) if until else now_ns + 2 * 86_400 * 10**9  # spans may be a day ahead
    except ValueError as error:
        fail(str(error))
    if from_ns >= to_ns:
        fail(f"--from {begins} is not before --until {until or 'now'}")
    spans, size = export_file(settings, from_ns, to_ns, paths[0])
    print(f"{paths[0]}: {spans} spans, {size} bytes")
    return 0


def _import(settings: Settings, paths: list[Path]) -> int:
    from spanwise.command import fail
    from spanwise_collector.transfer._transfer import import_files

    if not paths:
        fail("import needs files: spanwise collector import traces.jsonl.gz")
    imported = import_files(settings, paths)
    print(f"{imported.spans} spans stored, {imported.rejected_spans} refused")
    for reason in imported.why:
        print(reason)
    return 1 if imported.rejected_spans else 0


def parse_time(text: str, now_ns: int) -> int:
    """Nanoseconds since 1970 of a day, a time with its zone, or an age. Raises ValueError with one line."""
    from spanwise.settings import parse_duration

    try:
        return now_ns - int(parse_duration(text) * 1e9)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time: 2026-11-20, 2026-11-20T08:30:00Z, or an age such as 2h") from None
    if moment.tzinfo is None:
        if not _DAY.fullmatch(text):
            raise ValueError(f"{text!r} has no time zone: add Z or +01:00")
        moment = moment.replace(tzinfo=timezone.utc)
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000
