"""Threads that give way, and those that do not."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

from spanwise_collector.priority import give_way

# Only on Linux a thread has a niceness of its own; elsewhere nothing gives way.
STEP = 5 if sys.platform == "linux" else 0


def own_niceness() -> int:
    """Of the calling thread on Linux, else of the process."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def in_thread(run: Callable[[], None]) -> None:
    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)


def test_a_thread_gives_way_with_its_children_and_nobody_else() -> None:
    before = own_niceness()
    seen: list[int] = []

    def child() -> None:
        seen.append(own_niceness())

    def parent() -> None:
        give_way()
        seen.append(own_niceness())
        in_thread(child)

    in_thread(parent)
    assert seen == [min(before + STEP, 19)] * 2
    assert own_niceness() == before


def test_there_is_a_most() -> None:
    seen: list[int] = []

    def often() -> None:
        for _ in range(6):
            give_way()
        seen.append(own_niceness())

    in_thread(often)
    assert seen == [min(own_niceness() + 6 * STEP, 19)]
