"""Child processes: each in its own group, its output in a log file, and gone when this process is gone.

Everything here is called from the main thread: the kernel sends the parent-death signal when the *thread* that
started a child ends (prctl(2), PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Part:
    """What is started: a name for people and for the log file, a command, variables on top of our own environment.

    It answers when every one of `urls` does.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    urls: tuple[str, ...] = ()


@dataclass(slots=True)
class Child:
    """A part that was started. `death_noticed`: it was said that it ended by itself."""

    part: Part
    process: subprocess.Popen[bytes]
    log: Path
    death_noticed: bool = False

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def last_lines(self, number: int) -> list[str]:
        """The end of its log."""
        with contextlib.suppress(OSError), self.log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 200 * number))
            return file.read().decode(errors="replace").splitlines()[-number:]
        return []

    @property
    def ending(self) -> str:
        """`exit code 2` or `killed by SIGKILL`."""
        code = self.process.returncode
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}"


def start(part: Part, logs: Path, unwanted: Sequence[str] = ()) -> Child:
    """Starts a part; `unwanted` names variables of our environment that it must not see. Raises OSError."""
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    log = logs / f"{part.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the commands are our own
            part.command,
            env={**environment, **part.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=logs.parent,
            start_new_session=True,
            preexec_fn=_die_with_parent(),
        )
    return Child(part, process, log)


def stop(children: Sequence[Child], until: float) -> None:
    """Asks all of them to end and waits; whoever still runs at `until` (monotonic) is killed."""
    for child in children:
        _signal(child, signal.SIGTERM)
    while any(child.running for child in children) and time.monotonic() < until:
        time.sleep(_POLL_S)
    for child in children:
        _signal(child, signal.SIGKILL)
        child.process.wait()


def _signal(child: Child, number: signal.Signals) -> None:
    if child.running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, number)


def _die_with_parent() -> Callable[[], None] | None:
    """What a new child calls before it becomes its command; None where the system has no such thing."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call above
            os.kill(os.getpid(), signal.SIGKILL)

    return arrange
