"""`spanwise admin`: talk to an instrumented service from a terminal."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_EPILOG = """\
Each command takes -t TARGET: a process id, a port, a URL, the path of a worker's Unix socket, or the name of a service;
without it the only instance of this machine is asked. From another machine
set SPANWISE_ADMIN_TOKEN or SPANWISE_ADMIN_TOKEN_FILE. Exit codes: 0 all is well, 1 the service says it is not, or
refuses; 2 wrong use; 3 nobody answers."""


def admin(argv: list[str]) -> int:
    """Talk to a running service: list, ping, health, metrics, workers, threads, profile, log-level, lint, why"""
    from spanwise.admin import terminal

    parser = _parser()
    _suggest(parser, argv)
    arguments = parser.parse_args(argv)
    act: Callable[[argparse.Namespace], int] = getattr(terminal, arguments.act)
    return act(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spanwise admin",
        description="Asks a running service through its admin port.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("-t", "--target", metavar="TARGET", help="process id, port, URL, socket or name")
    common.add_argument("--json", action="store_true", help="the answer as JSON")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, act: str, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, parents=[common], help=text, description=text)
        made.set_defaults(act=act)
        return made

    add("list", "list_instances", "the instances of this machine")
    add("ping", "ping", "whether it answers, and how fast")
    add("health", "health", "readiness and its checks")
    metrics = add("metrics", "metrics", "metrics by name")
    metrics.add_argument("name", nargs="*", help="series, or a pattern with *")
    add("workers", "workers", "the worker processes of the service")
    threads = add("threads", "threads", "the stack of every thread")
    profile = add("profile", "profile", "where time goes: the top 20, or a file for `go tool pprof`")
    profile.add_argument("-s", "--seconds", type=float, default=5.0, help="how long to sample (5)")
    profile.add_argument("--hz", type=int, default=100, help="samples a second (100)")
    profile.add_argument("-o", "--output", metavar="FILE", help="write the profile in pprof's format")
    level = add("log-level", "log_level", "show or set log levels, for a while")
    level.add_argument("logger", nargs="?", help="logger or group")
    level.add_argument("level", nargs="?", help="DEBUG, INFO, WARNING, ERROR, CRITICAL, OFF; null takes it back")
    level.add_argument("--ttl", default="10m", help="how long (10m)")
    add("lint", "lint", "what is set up in a way that will hurt later")
    why = add("why", "why", "what is wrong now, if anything; exit code 1 if something is")
    for each in (threads, profile, why):
        each.add_argument("--worker", metavar="PID", help="of one worker, or `all` of them together")
    parser.set_defaults(known=tuple(commands.choices))
    return parser


def _suggest(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Ends a mistyped command with the one that was meant."""
    from difflib import get_close_matches

    from spanwise.command import fail

    known = parser.get_default("known")
    if not argv or argv[0].startswith("-") or argv[0] in known:
        return
    close = get_close_matches(argv[0], known, n=1)
    hint = f"did you mean `spanwise admin {close[0]}`?" if close else f"there are {', '.join(known)}."
    fail(f"there is no command {argv[0]!r}: {hint}")
