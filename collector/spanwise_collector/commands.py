"""`spanwise collector` and `spanwise traces`: read the flags and hand over."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from spanwise.settings import Settings

_TRACE_ID = re.compile(r"[0-9A-Fa-f]{1,32}")


def collector(argv: list[str]) -> int:
    """Take spans in, store them, show them: http://127.0.0.1:9411/ (OTLP/HTTP on 4318)

    Runs until SIGTERM or SIGINT. Returns 0 after a clean stop; raises CommandError or SettingError with one line.
    """
    import argparse

    from spanwise.settings import add_flags, from_flags, resolve
    from spanwise_collector.settings import SETTINGS
    from spanwise_collector.transfer import commands as transfer_commands

    parser = argparse.ArgumentParser(
        prog="spanwise collector",
        description="Takes spans in over OTLP, keeps them, and answers questions about them.",
        epilog="Tokens come by environment or file, never on the command line; docs/collector.md has every endpoint.",
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=["check", "export", "import"],
        help="check: read the spool and the store, and say whether they are whole; export, import: spans as OTLP files",
    )
    transfer_commands.add_flags(parser)
    add_flags(parser, SETTINGS)
    arguments = parser.parse_intermixed_args(argv)
    settings = resolve(SETTINGS, from_flags(SETTINGS, arguments))
    if arguments.action == "check":
        return _check(settings)
    if arguments.action is not None:
        return transfer_commands.run(arguments.action, settings, arguments.files, arguments.begins, arguments.until)

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


_TRACES_EPILOG = """\
Without a command it searches. From another machine set SPANWISE_COLLECTOR_READ_TOKEN. Exit codes: 0 found, 1 nothing
found or the collector refuses, 2 wrong use, 3 nobody answers."""


def traces(argv: list[str]) -> int:
    """Search traces and look at one in the terminal: search, show, services; --json for scripts, --follow

    Returns the exit code; raises CommandError or SettingError with one line.
    """
    from spanwise_collector.terminal import _acts

    parser = _traces_parser()
    known = ("search", "show", "services")
    if not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help")):
        argv = ["search", *argv]
    _suggest(argv[0], known)
    arguments = parser.parse_args(argv)
    act: Callable[[argparse.Namespace], int] = getattr(_acts, arguments.act)
    return act(arguments)


def _traces_parser() -> argparse.ArgumentParser:
    import argparse

    from spanwise.settings import add_flags
    from spanwise_collector.terminal import SETTINGS as TRACES_SETTINGS

    parser = argparse.ArgumentParser(
        prog="spanwise traces",
        description="Asks a collector for its traces.",
        epilog=_TRACES_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False)
    add_flags(common, TRACES_SETTINGS)
    common.add_argument("--json", action="store_true", help="a line of JSON for each, as docs/collector-api.md has it")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    search = commands.add_parser("search", parents=[common], help="traces, newest first")
    search.set_defaults(act="search")
    search.add_argument("-s", "--service", help="with a span of this service")
    search.add_argument("-o", "--operation", help="with a span of this name")
    search.add_argument("--min-duration", metavar="DURATION", help="at least so long, such as 250ms")
    search.add_argument("--max-duration", metavar="DURATION", help="at most so long")
    search.add_argument("-e", "--error", action="store_true", help="with a failed span")
    search.add_argument("--since", metavar="DURATION", type=_duration, help="begun in the last 15m, 2h, ...")
    search.add_argument(
        "-w", "--filter", action="append", metavar="TEXT", help="with a span that fits, such as 'span.cart.items > 3'"
    )
    search.add_argument("--sort", choices=("start", "duration", "span_count", "error_count"), help="what comes first")
    search.add_argument("-n", "--limit", type=int, default=20, help="how many (20, at most 500)")
    search.add_argument("-f", "--follow", action="store_true", help="go on with new ones, oldest first, until Ctrl-C")

    show = commands.add_parser("show", parents=[common], help="one trace as a tree with a waterfall")
    show.set_defaults(act="show")
    show.add_argument("trace_id", type=_trace_id, help="up to 32 hexadecimal digits")
    show.add_argument("-a", "--attributes", action="store_true", help="with attributes, events and links")
    show.add_argument("-n", "--limit", type=int, default=500, help="the most spans to show (500); 0 shows all")

    commands.add_parser("services", parents=[common], help="the services that sent spans").set_defaults(act="services")
    return parser


def _suggest(given: str, known: tuple[str, ...]) -> None:
    """Ends a mistyped command with the one that was meant."""
    from difflib import get_close_matches

    from spanwise.command import fail

    if given.startswith("-") or given in known:
        return
    close = get_close_matches(given, known, n=1)
    if not close and _TRACE_ID.fullmatch(given):
        close = [f"show {given}"]
    hint = f"did you mean `spanwise traces {close[0]}`?" if close else f"there are {', '.join(known)}."
    fail(f"there is no command {given!r}: {hint}")


def _duration(text: str) -> str:
    from argparse import ArgumentTypeError

    from spanwise.settings import parse_duration

    try:
        parse_duration(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a duration such as 250ms, 10s or 5m") from None
    return text


def _trace_id(text: str) -> str:
    from argparse import ArgumentTypeError

    if not _TRACE_ID.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is not a trace id: up to 32 hexadecimal digits")
    return text
