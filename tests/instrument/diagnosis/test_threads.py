from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from spanwise.diagnosis import threads
from spanwise.diagnosis.threads import BLOCKED, RUNNABLE, WAITING, ThreadDump, ThreadLook, look
from spanwise.profiling.locks import WAITS, TrackedLock


def spin(stop: threading.Event) -> None:
    while not stop.is_set():
        sum(range(100))


def sleep(stop: threading.Event) -> None:
    while not stop.is_set():
        time.sleep(0.5)


def wait_for_work(stop: threading.Event) -> None:
    jobs: queue.Queue[int] = queue.Queue()
    while not stop.is_set():
        try:
            jobs.get(timeout=1)
        except queue.Empty:
            continue


@pytest.fixture
def dump() -> Iterator[ThreadDump]:
    stop = threading.Event()
    lock = TrackedLock()
    lock.acquire()

    def locked(_stop: threading.Event) -> None:
        with lock:
            pass

    threads = [
        threading.Thread(target=target, args=(stop,), name=target.__name__, daemon=True)
        for target in (spin, sleep, wait_for_work, locked)
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 5
    while not WAITS.now() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    yield look()
    lock.release()
    stop.set()
    for thread in threads:
        thread.join(5)


def named(dump: ThreadDump, name: str) -> ThreadLook:
    return next(thread for thread in dump.threads if thread.name == name)


def test_states_of_real_threads(dump: ThreadDump) -> None:
    spinning = named(dump, "spin")
    assert (spinning.state, spinning.idle) == (RUNNABLE, False)
    assert spinning.running is not None
    assert spinning.running > 0.01
    assert spinning.cpu_ms is not None
    assert spinning.cpu_ms > 10
    sleeping = named(dump, "sleep")
    assert (sleeping.state, sleeping.idle) == (WAITING, False)  # the service's own line waits: somebody wants to know
    waiting = named(dump, "wait_for_work")
    assert (waiting.state, waiting.idle) == (WAITING, True)
    blocked = named(dump, "locked")
    assert (blocked.state, blocked.idle) == (BLOCKED, False)
    assert blocked.lock_owner == threading.get_ident()
    assert "held by MainThread" in blocked.waiting_on
    assert blocked.stack[0].function.endswith("locked")  # not the inside of our own lock


def test_those_at_work_come_first_and_the_asking_thread_is_left_out(dump: ThreadDump) -> None:
    assert dump.threads[0].name == "spin"
    idle = [thread.idle for thread in dump.threads if not thread.own]
    assert idle == sorted(idle)
    assert threading.get_ident() not in [thread.ident for thread in dump.threads]


def test_text(dump: ThreadDump) -> None:
    text = dump.text()
    assert text.startswith(f"{len(dump.threads)} threads, ")
    assert '"wait_for_work"' in text
    assert "WAITING idle" in text
    assert "    at spin (" in text
    assert "waits for <TrackedLock made at" in text


def test_a_thread_that_has_the_number_of_one_that_ended_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, args=(20,), name="second")
    thread.start()
    before = threads._glance

    def as_of_another() -> dict[int, Any]:
        return {ident: replace(glance, native_id=1, cpu_ns=10**15) for ident, glance in before().items()}

    glances = iter([as_of_another, before])
    monkeypatch.setattr(threads, "_glance", lambda: next(glances)())
    try:
        found = next(each for each in look(0.0).threads if each.name == "second")
    finally:
        stop.set()
        thread.join(10)
    assert found.running is None
    assert found.cpu_ms is not None and found.cpu_ms >= 0
