"""Threads that give way, and those that do not."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

import pytest

from spanwise_collector.priority import give_way

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a thread has a niceness of its own on Linux alone")


def own_niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


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
    assert seen == [min(before + 5, 19)] * 2
    assert own_niceness() == before


def test_there_is_a_most() -> None:
    seen: list[int] = []

    def often() -> None:
        for _ in range(6):
            give_way()
        seen.append(own_niceness())

    in_thread(often)
    assert seen == [19]
