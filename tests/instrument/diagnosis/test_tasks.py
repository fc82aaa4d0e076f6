from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from spanwise.diagnosis import tasks
from spanwise.diagnosis.tasks import LoopLook, TaskLook, look, tree

Main = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


@contextmanager
def loop_in_thread(main: Main) -> Iterator[None]:
    ready = threading.Event()
    held: dict[str, Any] = {}

    async def run() -> None:
        held["loop"], held["stop"] = asyncio.get_running_loop(), asyncio.Event()
        ready.set()
        await main(held["stop"])

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="loop")
    thread.start()
    ready.wait(5)
    try:
        yield
    finally:
        held["loop"].call_soon_threadsafe(held["stop"].set)
        thread.join(5)
        assert not thread.is_alive()


async def leaf(stop: asyncio.Event) -> None:
    await stop.wait()


async def middle(stop: asyncio.Event) -> None:
    await leaf(stop)


async def fan_out(stop: asyncio.Event) -> None:
    await asyncio.gather(middle(stop), middle(stop))


async def main(stop: asyncio.Event) -> None:
    await asyncio.create_task(fan_out(stop), name="fan-out")


def settled() -> LoopLook:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        (loop,) = look()
        if len(loop.tasks) == 4 and all(task.state == "waiting" for task in loop.tasks):
            return loop
        time.sleep(0.01)
    raise AssertionError("the tasks did not start")


def test_the_tree_of_tasks_with_await_chains() -> None:
    with loop_in_thread(main):
        loop = settled()
    assert loop.blocked_s == 0
    assert loop.answer_s < tasks.BLOCKED_AFTER_S
    ordered = tree(loop.tasks)
    assert [depth for depth, _ in ordered] == [0, 1, 2, 2]
    names = [task.name for _, task in ordered]
    assert names[1] == "fan-out"
    deepest = ordered[2][1]
    assert [frame.function.rpartition(".")[2] for frame in deepest.stack] == ["wait", "leaf", "middle"]
    assert deepest.state == "waiting"
    assert deepest.waits_for == "Future"
    assert ordered[1][1].awaits == tuple(task.id for _, task in ordered[2:])


async def blocking(stop: asyncio.Event) -> None:
    starving = asyncio.create_task(leaf(stop), name="starving")
    await asyncio.sleep(0)
    while not stop.is_set():
        time.sleep(0.6)
        await asyncio.sleep(0)
    await starving


def test_a_blocked_loop_has_its_threads_stack_and_still_its_tasks() -> None:
    with loop_in_thread(blocking):
        deadline = time.monotonic() + 5
        began = time.monotonic()
        while time.monotonic() < deadline:
            began = time.monotonic()
            (loop,) = look()
            if loop.blocked_s and loop.stack[0].function == "blocking":
                break
        took = time.monotonic() - began
    assert loop.blocked_s >= tasks.BLOCKED_AFTER_S
    assert took < 1.0
    assert loop.stack[0].function == "blocking"
    assert "starving" in {task.name for task in loop.tasks}


def test_two_loops_are_asked_at_once() -> None:
    with loop_in_thread(blocking), loop_in_thread(main):
        time.sleep(0.05)
        began = time.monotonic()
        assert len(look()) == 2
        assert time.monotonic() - began < 2 * tasks.BLOCKED_AFTER_S + 0.3


def test_without_a_loop_there_is_nothing() -> None:
    assert look() == []


def test_tasks_that_wait_for_each_other_in_a_circle_are_all_shown() -> None:
    one = TaskLook(1, "one", "f", "waiting", (), "", (2,))
    two = TaskLook(2, "two", "g", "waiting", (), "", (1,))
    assert [(depth, task.name) for depth, task in tree([one, two])] == [(0, "one"), (1, "two")]
