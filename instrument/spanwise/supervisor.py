"""Who started this process and would start it again: ending one worker of gunicorn only brings another.

Recognised by what can be seen from within: the parent's command line for gunicorn, uWSGI's own module, the variable
that Kubernetes sets in every container.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Supervisor:
    """`stop` and `reload` are the acts that end the whole service and start it anew, each with its description."""

    name: str
    stops_by: str
    stop: Callable[[], None]
    reloads_by: str = ""
    reload: Callable[[], None] | None = None


def supervisor() -> Supervisor | None:
    """The process manager of this process; None where it runs on its own."""
    if _started_by_gunicorn(os.getppid()):
        master = os.getppid()
        return Supervisor(
            "gunicorn",
            f"SIGTERM to gunicorn's master ({master}), which ends all its workers",
            lambda: os.kill(master, signal.SIGTERM),
            f"SIGHUP to gunicorn's master ({master}), which starts new workers and then ends the old ones",
            lambda: os.kill(master, signal.SIGHUP),
        )
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is not None and hasattr(uwsgi, "masterpid") and uwsgi.masterpid():
        master = uwsgi.masterpid()
        return Supervisor(
            "uWSGI",
            f"SIGINT to uWSGI's master ({master}), which ends all its workers",
            lambda: os.kill(master, signal.SIGINT),
            "uWSGI's own reload, worker by worker",
            lambda: uwsgi.reload(),
        )
    return None


def _started_by_gunicorn(parent: int) -> bool:
    """Whether the parent is gunicorn itself, and not a shell whose command line mentions it."""
    try:
        words = (_PROC / str(parent) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False
    program = Path(words[0]).name
    if program.startswith("gunicorn"):  # with setproctitle: "gunicorn: master [app]"
        return True
    if not program.startswith(("python", "pypy")):
        return False
    script = words[2:3] if words[1:2] == ["-m"] else words[1:2]
    return [Path(word).name for word in script] == ["gunicorn"]
