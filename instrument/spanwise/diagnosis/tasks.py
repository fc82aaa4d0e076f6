"""asyncio from outside: the loops of the process, their tasks, and what each task waits for.

A loop is asked in its own thread; one that does not answer within a quarter of a second is blocked, and that is when
it matters most: then its tasks are read from here, and the line that blocks it is the headline.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spanwise.profiling.stacks import Frame, Stack, current_frames, stack_of

if TYPE_CHECKING:
    import asyncio

    Task = asyncio.Task[Any]

BLOCKED_AFTER_S = 0.25
_MAX_CHAIN = 100


@dataclass(frozen=True, slots=True)
class TaskLook:
    """`awaits` names the task it waits for by id; `waits_for` says what else it waits for. `stack` is leaf first:
    the whole chain of coroutines that await each other."""

    id: int
    name: str
    coroutine: str
    state: str
    stack: Stack
    waits_for: str = ""
    awaits: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LoopLook:
    """`blocked_s`: how long we have waited in vain, 0 for a loop that answered. `stack` is its thread's, leaf first."""

    thread: int
    blocked_s: float
    answer_s: float
    stack: Stack
    tasks: tuple[TaskLook, ...] = field(default=())


def look(timeout_s: float = BLOCKED_AFTER_S) -> list[LoopLook]:
    """Every running loop with its tasks. All loops are asked at once, so that it takes `timeout_s` at most."""
    asked = [_Asked(loop) for loop in running_loops()]
    until = time.monotonic() + timeout_s
    return [each.result(until) for each in asked]


class _Asked:
    """One loop that was asked for its tasks."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._answered = threading.Event()
        self._tasks: tuple[TaskLook, ...] = ()
        self._thread = 0
        self._begun = time.monotonic()
        self._answer_s = 0.0
        self._refused = False
        try:
            loop.call_soon_threadsafe(self._answer)
        except RuntimeError:  # closed meanwhile
            self._refused = True

    def _answer(self) -> None:
        self._answer_s = time.monotonic() - self._begun
        self._thread = threading.get_ident()
        self._tasks = _tasks_of(self._loop)
        self._answered.set()

    def result(self, until: float) -> LoopLook:
        if not self._refused and self._answered.wait(max(0.0, until - time.monotonic())):
            return LoopLook(self._thread, 0.0, self._answer_s, (), self._tasks)
        ident = thread_of(self._loop)
        waited_s = 0.0 if self._refused else time.monotonic() - self._begun
        return LoopLook(ident, waited_s, 0.0, stack_of(current_frames().get(ident)), _tasks_of(self._loop))


def running_loops() -> list[Any]:
    """The loops that run tasks now. A process that does not use asyncio has not even imported it."""
    if "asyncio" not in sys.modules:
        return []
    loops = {id(loop): loop for task in _known_tasks() if (loop := _loop_of(task)) is not None and loop.is_running()}
    return list(loops.values())


def _known_tasks() -> list[Any]:
    """The tasks of all loops, from where asyncio keeps them."""
    tasks = sys.modules["asyncio"].tasks
    found: list[Any] = []
    for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks"):  # up to 3.11, then from 3.12 on
        for _ in range(3):
            try:
                found += list(getattr(tasks, name, ()))
                break
            except RuntimeError:  # changed while it was read
                continue
    if sys.version_info >= (3, 14):
        # Tasks in C are on lists of their threads, which only their loop gives out.
        import gc

        kinds = (tasks.Task, tasks._PyTask)
        found += [each for each in gc.get_objects() if isinstance(each, kinds)]
    return found


def _loop_of(task: Any) -> Any:
    try:
        return task.get_loop()
    except Exception:
        return None


def thread_of(loop: Any) -> int:
    """The thread a loop runs in, 0 where it does not say."""
    return int(getattr(loop, "_thread_id", None) or 0)


def _tasks_of(loop: Any) -> tuple[TaskLook, ...]:
    """In the loop's own thread, or best effort from another one."""
    tasks = sys.modules["asyncio"].tasks
    try:
        found: Iterable[Any] = tasks.all_tasks(loop)
        current = tasks.current_task(loop)
    except RuntimeError:
        return ()
    looks = [_look(task, current) for task in found if not task.done()]
    return tuple(sorted(looks, key=lambda each: (each.name.rstrip("0123456789"), len(each.name), each.name)))


def _look(task: Any, current: Any) -> TaskLook:
    waiter = getattr(task, "_fut_waiter", None)
    state = "running" if task is current else "waiting" if waiter is not None else "ready"
    awaited = tuple(id(each) for each in _awaited_tasks(waiter))
    what = "" if waiter is None or awaited else type(waiter).__qualname__
    coroutine = task.get_coro()
    name = getattr(coroutine, "__qualname__", type(coroutine).__qualname__)
    return TaskLook(id(task), task.get_name(), name, state, task_stack(task), what, awaited)


def _awaited_tasks(waiter: Any) -> list[Any]:
    """The tasks behind what a task waits for: itself one, or those that were gathered."""
    if waiter is None:
        return []
    if hasattr(waiter, "get_coro"):
        return [waiter]
    return [child for child in getattr(waiter, "_children", ()) if hasattr(child, "get_coro") and not child.done()]


def task_stack(task: Task) -> Stack:
    """The chain of awaiting coroutines, leaf first."""
    calls: list[Frame] = []
    awaitable: Any = task.get_coro()
    while awaitable is not None and len(calls) < _MAX_CHAIN:
        for kind in ("cr", "gi", "ag"):  # coroutine, generator, asynchronous generator
            if hasattr(awaitable, f"{kind}_code"):
                frame = getattr(awaitable, f"{kind}_frame")
                if frame is not None:
                    calls.extend(stack_of(frame)[:1])
                inner = "gi_yieldfrom" if kind == "gi" else f"{kind}_await"
                awaitable = getattr(awaitable, inner)
                break
        else:
            break
    return tuple(reversed(calls))


def tree(tasks: Iterable[TaskLook]) -> list[tuple[int, TaskLook]]:
    """Tasks with their depth: under each those that it waits for. Each stands in one place only."""
    by_id = {task.id: task for task in tasks}
    awaited = {identifier for task in by_id.values() for identifier in task.awaits}
    ordered: list[tuple[int, TaskLook]] = []
    placed: set[int] = set()

    def put(task: TaskLook, depth: int) -> None:
        if task.id in placed:
            return
        placed.add(task.id)
        ordered.append((depth, task))
        for identifier in task.awaits:
            if identifier in by_id:
                put(by_id[identifier], depth + 1)

    for task in by_id.values():
        if task.id not in awaited:
            put(task, 0)
    for task in by_id.values():  # what is left waits for itself in a circle
        put(task, 0)
    return ordered
