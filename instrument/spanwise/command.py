"""The one console command, `spanwise`. Each part adds its sub-commands; only the one that is called is loaded.

A sub-command is an entry point of the group `spanwise.commands`: a function `(argv: list[str]) -> int` in a light
module, whose docstring's first line is its help. What it needs it imports inside, so that `spanwise --help` stays fast.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import NoReturn, cast

from spanwise import __version__
from spanwise.settings import SettingError

Command = Callable[[list[str]], int]
GROUP = "spanwise.commands"
# Which extra brings a module that a sub-command may miss; the answer to its ModuleNotFoundError.
EXTRAS = {"collector": "collector", "dashboards": "dashboards", "demo": "all"}


class CommandError(Exception):
    """Ends a command with exit code 2 and this one line: what, why, what to do."""


def fail(message: str) -> NoReturn:
    raise CommandError(message)


def _usage(commands: dict[str, EntryPoint]) -> str:
    lines = ["usage: spanwise COMMAND [options]", "", "Every service, side by side.", "", "commands:"]
    width = max((len(name) for name in commands), default=0)
    for name, entry in sorted(commands.items()):
        lines.append(f"  {name:<{width}}  {_summary(entry)}")
    lines += ["", "`spanwise COMMAND --help` shows a command's options.", f"spanwise {__version__}"]
    return "\n".join(lines)


def _summary(entry: EntryPoint) -> str:
    try:
        return (load(entry).__doc__ or "").strip().partition("\n")[0]
    except ImportError as error:  # one part that is broken must not hide the others
        return f"(cannot be loaded: {error})"


def load(entry: EntryPoint) -> Command:
    return cast(Command, entry.load())


def main(argv: list[str] | None = None) -> int:
    """Runs one sub-command; returns its exit code (2: wrong use, 130: interrupted)."""
    arguments = sys.argv[1:] if argv is None else argv
    commands = {entry.name: entry for entry in entry_points(group=GROUP)}
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_usage(commands))
        return 0
    if arguments[0] in ("-V", "--version"):
        print(f"spanwise {__version__}")
        return 0
    name = arguments[0]
    if name not in commands:
        close = get_close_matches(name, commands, n=1)
        hint = f"did you mean `spanwise {close[0]}`?" if close else "`spanwise --help` lists the commands."
        print(f"spanwise: there is no command {name!r}: {hint}", file=sys.stderr)
        return 2
    try:
        return load(commands[name])(arguments[1:])
    except (CommandError, SettingError) as error:
        print(f"spanwise {name}: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("spanwise"):
            raise
        extra = EXTRAS.get(name, "all")
        print(
            f"spanwise {name}: the package {error.name!r} is not installed: pip install 'spanwise[{extra}]'",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
