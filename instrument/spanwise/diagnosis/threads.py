"""Every thread: what it does, whether it is idle, how much it has run, whom it waits for.

Two looks a twentieth of a second apart: a thread that stands where it stood and has not run meanwhile waits. Nothing in
between opens a file, so that the answer is quick beside threads that keep the interpreter busy.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spanwise.diagnosis.in_flight import busy_threads
from spanwise.diagnosis.tasks import running_loops, thread_of
from spanwise.profiling.clocks import cpu_ns
from spanwise.profiling.locks import WAITS, Wait, deadlocks
from spanwise.profiling.stacks import RawStack, Stack, current_frames, is_own, raw_stack, resolve
from spanwise.profiling.switching import quick_switches

BETWEEN_LOOKS_S = 0.05
# A waiting thread of a busy process is woken now and then for nothing; one that does anything runs longer.
_STOOD_STILL_NS = 20_000
# Where threads wait for work: a thread that stands still here, and answers no request, is idle.
_WAITING_ROOMS = frozenset(
    {"threading", "queue", "_queue", "selectors", "concurrent.futures.thread", "socketserver", "sched", "select"}
)
_POOLS = ("waitress", "gunicorn", "anyio", "multiprocessing", "cheroot")

RUNNABLE, WAITING, TIMED_WAITING, BLOCKED = "RUNNABLE", "WAITING", "TIMED_WAITING", "BLOCKED"


@dataclass(frozen=True, slots=True)
class ThreadLook:
    """`cpu_ms` is what it has run since it began, `running` the share of the time between the looks (None: unknown).
    `waiting_on` and `lock_owner` are known for tracked locks; `stack` is leaf first."""

    ident: int
    name: str
    daemon: bool
    native_id: int | None
    state: str
    idle: bool
    cpu_ms: float | None
    running: float | None
    stack: Stack
    waiting_on: str = ""
    lock_owner: int | None = None
    task: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True)
class ThreadDump:
    """`deadlocks` are circles of thread identifiers."""

    threads: tuple[ThreadLook, ...]
    deadlocks: tuple[tuple[int, ...], ...]

    def named(self, ident: int) -> str:
        return next((thread.name for thread in self.threads if thread.ident == ident), str(ident))

    def text(self) -> str:
        """As a person reads it in a terminal: what works first, then what waits."""
        parts = [f"{len(self.threads)} threads, {sum(not each.idle for each in self.threads)} not idle\n"]
        for circle in self.deadlocks:
            names = " -> ".join(self.named(ident) for ident in (*circle, circle[0]))
            parts.append(f"DEADLOCK: {names}\n")
        for each in self.threads:
            idle = " idle" if each.idle else ""
            ran = "" if each.cpu_ms is None else f", ran {each.cpu_ms:.0f} ms"
            daemon = ", daemon" if each.daemon else ""
            task = f", task {each.task}" if each.task else ""
            lines = [f'"{each.name}" {each.ident} {each.state}{idle}{ran}{daemon}{task}']
            if each.waiting_on:
                lines.append(f"    waits for {each.waiting_on}")
            lines += [f"    at {frame}" for frame in each.stack]
            parts.append("\n".join(lines) + "\n")
        return "\n".join(parts)


def look(between_s: float = BETWEEN_LOOKS_S) -> ThreadDump:
    """Both looks; takes `between_s` and what other threads make us wait."""
    with quick_switches():
        first = _glance()
        time.sleep(between_s)
        second = _glance()
    known = {thread.ident: thread for thread in threading.enumerate()}
    waits, circles = WAITS.now(), deadlocks()
    answering, tasks = busy_threads(), _current_tasks()
    me = threading.get_ident()
    threads = [
        _look(ident, known.get(ident), first.get(ident), glance, waits.get(ident), ident in answering, tasks)
        for ident, glance in second.items()
        if ident != me
    ]
    threads.sort(key=lambda each: (each.own, each.idle, each.state != RUNNABLE, each.name, each.ident))
    return ThreadDump(tuple(threads), tuple(tuple(circle) for circle in circles))


@dataclass(frozen=True, slots=True)
class _Glance:
    at_ns: int
    stack: RawStack
    cpu_ns: int | None
    native_id: int | None


def _glance() -> dict[int, _Glance]:
    native = {thread.ident: thread.native_id for thread in threading.enumerate()}
    frames = current_frames()
    return {
        ident: _Glance(time.monotonic_ns(), raw_stack(frame), cpu_ns(native.get(ident)), native.get(ident))
        for ident, frame in frames.items()
    }


def _look(
    ident: int,
    thread: threading.Thread | None,
    first: _Glance | None,
    second: _Glance,
    wait: Wait | None,
    answers: bool,
    tasks: Mapping[int, str],
) -> ThreadLook:
    if first is not None and first.native_id != second.native_id:
        first = None  # it has ended, and another thread has its number by now
    ran_ns = None
    if first is not None and first.cpu_ns is not None and second.cpu_ns is not None:
        ran_ns = second.cpu_ns - first.cpu_ns
    stood = first is not None and first.stack == second.stack and (ran_ns is None or ran_ns < _STOOD_STILL_NS)
    state = RUNNABLE if not stood else WAITING
    if wait is not None:
        state = TIMED_WAITING if wait.timed else BLOCKED
    elapsed_ns = second.at_ns - first.at_ns if first is not None else 0
    return ThreadLook(
        ident=ident,
        name=thread.name if thread is not None else f"thread-{ident}",
        daemon=thread.daemon if thread is not None else True,
        native_id=thread.native_id if thread is not None else None,
        state=state,
        idle=state == WAITING and not answers and _in_waiting_room(second.stack),
        cpu_ms=None if second.cpu_ns is None else second.cpu_ns / 1e6,
        running=None if ran_ns is None or not elapsed_ns else min(1.0, ran_ns / elapsed_ns),
        stack=resolve(wait.stack if wait is not None else second.stack),
        waiting_on=repr(wait.lock) if wait is not None else "",
        lock_owner=(wait.lock.owner or None) if wait is not None else None,
        task=tasks.get(ident, ""),
        own=is_own(thread),
    )


def _in_waiting_room(stack: RawStack) -> bool:
    if not stack:
        return True
    file = stack[0][0].co_filename
    return file in _waiting_files() or any(f"/{name}/" in file for name in _POOLS)


def _waiting_files() -> set[str]:
    modules = (sys.modules.get(name) for name in _WAITING_ROOMS)
    return {file for module in modules if (file := getattr(module, "__file__", None))}


def _current_tasks() -> dict[int, str]:
    """Thread -> name of the task that its loop runs now."""
    found: dict[int, str] = {}
    for loop in running_loops():
        try:
            task: Any = sys.modules["asyncio"].tasks.current_task(loop)
        except RuntimeError:
            task = None
        if task is not None:
            found[thread_of(loop)] = task.get_name()
    return found
