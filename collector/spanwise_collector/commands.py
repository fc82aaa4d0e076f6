"""`spanwise collector`: reads the flags and hands over to `main`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanwise.settings import Settings


def collector(argv: list[str]) -> int:
    """Take spans in, store them, show them: http://127.0.0.1:9411/ (OTLP/HTTP on 4318)

    Runs until SIGTERM or SIGINT. Returns 0 after a clean stop; raises CommandError or SettingError with one line.
    """
    import argparse

    from spanwise.settings import add_flags, from_flags, resolve
    from spanwise_collector.settings import SETTINGS

    parser = argparse.ArgumentParser(
        prog="spanwise collector",
        description="Takes spans in over OTLP, keeps them, and answers questions about them.",
        epilog="Tokens come by environment or file, never on the command line; docs/collector.md has every endpoint.",
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=["check"],
        help="check: read the spool and the store, and say whether they are whole",
    )
    add_flags(parser, SETTINGS)
    arguments = parser.parse_args(argv)
    settings = resolve(SETTINGS, from_flags(SETTINGS, arguments))
    if arguments.action == "check":
        return _check(settings)

    from spanwise_collector.main import run

    return run(settings)


def _check(settings: Settings) -> int:
    """0 when all is well, 1 when something is damaged. Raises CommandError."""
    from spanwise.command import fail
    from spanwise_collector.check import check
    from spanwise_collector.folder import FolderError
    from spanwise_collector.store import NewerSchemaError, StoreError

    failed = 0
    try:
        for well, line in check(
            Path(settings["SPANWISE_COLLECTOR_DATA"]),
            settings["SPANWISE_COLLECTOR_STORE"],
            settings["SPANWISE_COLLECTOR_MEMORY"],
        ):
            failed += not well
            print(f"{'ok     ' if well else 'DAMAGED'} {line}")
    except (FolderError, StoreError, NewerSchemaError) as error:
        fail(str(error))
    return 1 if failed else 0
