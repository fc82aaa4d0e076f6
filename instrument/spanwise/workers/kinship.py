"""Which processes belong together: the rule by which workers find each other, and which they must not break.

Siblings have the same *root*, and the same service name. The root of a process is

1. in a worker of gunicorn or uWSGI: the master that has forked it;
2. in a child of multiprocessing (`uvicorn --workers` starts its workers so): the process that started the child,
   whatever the start method;
3. in any other process that was forked and has not executed another program since: its parent;
4. in a process that forks while it is instrumented: itself, and its children inherit that root.

Everything else is alone. Two services under one shell, supervisor or systemd have executed their own programs, so
rule 3 does not join them; two different services forked by one Python parent differ in their names.

That a process still runs the program image of its parent is seen by the random place of its stack: a fork keeps the
parent's, exec draws a new one (proc(5), /proc/PID/stat, `startstack`). The kernel shows it to the same user only and
reads as 0 otherwise, which counts as "not the same".
"""

from __future__ import annotations

import os
import socket
import sys
import uuid
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

_NAMESPACE = uuid.UUID("6d1c2c5e-4c5b-5c0c-9a55-0f3a6f3c4a11")
# Positions in /proc/PID/stat after the command's closing parenthesis; proc(5) counts the state as field 3.
_STATE, _PARENT, _START_TIME, _START_CODE, _START_STACK = 0, 1, 19, 23, 25
_GONE = ("Z", "X")


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process for good: `started` (clock ticks since boot) tells it from a later one with the same number. 0 where
    there is no /proc."""

    pid: int
    started: int

    def __str__(self) -> str:
        return f"{self.pid}-{self.started}"


class Role(Enum):
    ALONE = "alone"
    MASTER = "master"  # only supervises: it shows nothing itself, and starts no thread before it forks
    WORKER = "worker"  # has siblings, or will have


@dataclass(frozen=True, slots=True)
class Place:
    """Where this process stands. The root of one that is alone is itself."""

    role: Role
    root: ProcessId


def this_process() -> ProcessId:
    return process_id(os.getpid())


def process_id(pid: int) -> ProcessId:
    fields = _stat(pid)
    return ProcessId(pid, int(fields[_START_TIME]) if fields else 0)


def is_alive(process: ProcessId) -> bool:
    """Whether exactly this process still runs; one that only waits to be reaped does not."""
    fields = _stat(process.pid)
    if fields:
        return int(fields[_START_TIME]) == process.started and fields[_STATE] not in _GONE
    if process.started:
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def place() -> Place:
    """Applies the rule to this process as it is now."""
    if _is_uwsgi():
        return _place_in_uwsgi()
    gunicorn = _gunicorn_role()
    if gunicorn is Role.MASTER:
        return Place(Role.MASTER, this_process())
    if gunicorn is Role.WORKER:
        return Place(Role.WORKER, process_id(os.getppid()))
    parent = _multiprocessing_parent()
    if parent is not None:
        return Place(Role.WORKER, process_id(parent))
    if _runs_the_image_of(os.getppid()):
        return Place(Role.WORKER, process_id(os.getppid()))
    return Place(Role.ALONE, this_process())


def instance_id(service: str) -> str:
    """The `service.instance.id` of this process and its siblings: the same wherever it is worked out, no other's."""
    root = place().root
    return str(uuid.uuid5(_NAMESPACE, "\n".join((*_machine(), str(root), service))))


def group_key(root: ProcessId, service: str) -> str:
    """The name of the group's run folder."""
    return uuid.uuid5(_NAMESPACE, "\n".join((_pid_namespace(), str(root), service))).hex[:16]


def forks_gunicorn_worker() -> bool:
    """Whether the fork that is under way is gunicorn's, for a worker."""
    return _gunicorn_role() is Role.WORKER


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return []


def _runs_the_image_of(parent: int) -> bool:
    own, other = _stat(os.getpid()), _stat(parent)
    return (
        bool(own and other)
        and own[_START_STACK] not in ("0", "")
        and [own[_START_CODE], own[_START_STACK]] == [other[_START_CODE], other[_START_STACK]]
    )


def _multiprocessing_parent() -> int | None:
    module: Any = sys.modules.get("multiprocessing.process")
    if module is None:
        return None
    parent = module.parent_process()
    if parent is not None:
        return int(parent.pid)
    # A spawned child, or the fork server, that is still importing the parent's main module, and knows no more of it.
    if not getattr(module.current_process(), "_inheriting", False):
        return None
    return _parent_of(os.getppid()) if _is_fork_server(os.getppid()) else os.getppid()


def _is_fork_server(pid: int) -> bool:
    """multiprocessing's, which forks children on behalf of the process that has started it."""
    try:
        return b"multiprocessing.forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _parent_of(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[_PARENT]) if fields else pid


def _gunicorn_role() -> Role | None:
    """Told by the call stack: a worker runs inside its master's `spawn_worker`, which never returns there."""
    if "gunicorn" not in sys.modules:
        return None
    inside = False
    frame = sys._getframe()
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module == "gunicorn.arbiter" and frame.f_code.co_name == "spawn_worker":
            return Role.WORKER
        inside = inside or module in ("gunicorn.arbiter", "gunicorn.app.base")
        frame = frame.f_back  # type: ignore[assignment]
    return Role.MASTER if inside else None


def _is_uwsgi() -> bool:
    return "uwsgi" in sys.modules and hasattr(sys.modules["uwsgi"], "worker_id")


def _place_in_uwsgi() -> Place:
    uwsgi: Any = sys.modules["uwsgi"]  # made by the server itself
    if uwsgi.worker_id() == 0 and uwsgi.mule_id() == 0:
        return Place(Role.MASTER, this_process())
    return Place(Role.WORKER, process_id(uwsgi.masterpid() or os.getpid()))


def _machine() -> tuple[str, str, str]:
    """What tells this machine, boot and container from others with the same process numbers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = str(uuid.getnode())
    return socket.gethostname(), boot, _pid_namespace()


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return ""
