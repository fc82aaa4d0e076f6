"""Threads with known stacks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

Start = Callable[..., threading.Thread]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts daemon threads; one that takes an event as `stop` is stopped at the end."""
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def begin(target: Callable[[threading.Event], None], name: str = "worker") -> threading.Thread:
        thread = threading.Thread(target=target, args=(stop,), name=name, daemon=True)
        threads.append(thread)
        thread.start()
        return thread

    yield begin
    stop.set()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.01)
