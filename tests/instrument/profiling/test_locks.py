from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from spanwise.profiling import locks
from spanwise.profiling.locks import TrackedLock, TrackedRLock, contention, deadlocks, held_rlocks


@pytest.fixture
def tracked() -> Iterator[None]:
    locks.track_locks()
    yield
    locks.untrack_locks()


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError("not within 5 s")


def waiting() -> int:
    return len(locks.WAITS.now())


@pytest.mark.parametrize("make", [TrackedLock, TrackedRLock])
def test_a_lock_knows_its_owner(make: Callable[[], TrackedLock]) -> None:
    lock = make()
    assert lock.owner == 0
    with lock:
        assert lock.owner == threading.get_ident()
        assert lock.locked()
        assert "held by" in repr(lock)
        assert "test_a_lock_knows_its_owner" in repr(lock)
    assert lock.owner == 0
    assert not lock.locked()


def test_it_behaves_as_a_lock() -> None:
    lock = TrackedLock()
    assert lock.acquire()
    assert not lock.acquire(False)
    assert not lock.acquire(timeout=0.01)
    with pytest.raises(ValueError):
        lock.acquire(False, 1)
    lock.release()
    with pytest.raises(RuntimeError):
        lock.release()
    assert lock.acquire(False)
    thread = threading.Thread(target=lock.release)  # a plain lock may be released by anybody
    thread.start()
    thread.join()
    assert not lock.locked()


def test_it_behaves_as_an_rlock() -> None:
    lock = TrackedRLock()
    with lock, lock:
        assert lock.acquire(False)
        lock.release()
        taken: list[bool] = []
        thread = threading.Thread(target=lambda: taken.append(lock.acquire(False)))
        thread.start()
        thread.join()
        assert taken == [False]
        assert lock.owner == threading.get_ident()
    assert lock.owner == 0
    with pytest.raises(RuntimeError):
        lock.release()


@pytest.mark.usefixtures("tracked")
def test_conditions_events_and_queues_are_made_of_them() -> None:
    condition = threading.Condition()
    assert isinstance(condition._lock, TrackedRLock)  # type: ignore[attr-defined]
    line: queue.Queue[int] = queue.Queue(maxsize=1)
    got: list[int] = []
    consumer = threading.Thread(target=lambda: got.extend(line.get() for _ in range(50)))
    consumer.start()
    for number in range(50):
        line.put(number)
    consumer.join(5)
    assert got == list(range(50))
    event = threading.Event()
    waiter = threading.Thread(target=event.wait)
    waiter.start()
    event.set()
    waiter.join(5)
    assert not waiter.is_alive()
    with condition:
        assert condition.wait(0.01) is False
        assert condition._lock.owner == threading.get_ident()  # type: ignore[attr-defined]


def test_only_what_is_made_afterwards_is_tracked() -> None:
    assert not locks.tracking()
    before = threading.Lock()
    locks.track_locks()
    try:
        assert locks.tracking()
        assert not isinstance(before, TrackedLock)
        assert isinstance(threading.Lock(), TrackedLock)
    finally:
        locks.untrack_locks()
    assert not isinstance(threading.Lock(), TrackedLock)


def test_a_deadlock_of_two_is_found_and_one_by_time_out_is_not() -> None:
    a, b = TrackedLock(), TrackedLock()
    holding = threading.Barrier(2)
    patience = [-1.0]
    idents: list[int] = []

    def take(first: TrackedLock, second: TrackedLock) -> None:
        idents.append(threading.get_ident())
        with suppress(RuntimeError), first:  # the test releases one of them in its owner's place
            holding.wait(5)
            if second.acquire(timeout=patience[0]):
                second.release()

    def run() -> list[threading.Thread]:
        idents.clear()
        threads = [threading.Thread(target=take, args=pair, daemon=True) for pair in ((a, b), (b, a))]
        for thread in threads:
            thread.start()
        until(lambda: waiting() == 2)
        return threads

    patience[0] = 0.5
    threads = run()
    assert deadlocks() == []
    for thread in threads:
        thread.join(5)
    patience[0] = -1
    threads = run()
    assert [sorted(circle) for circle in deadlocks()] == [sorted(idents)]
    a.release()  # from outside: the circle is broken
    until(lambda: not any(thread.is_alive() for thread in threads) or deadlocks() == [])
    assert deadlocks() == []


def test_a_thread_that_waits_for_itself() -> None:
    lock = TrackedLock()

    def twice() -> None:
        with lock:
            lock.acquire()

    thread = threading.Thread(target=twice, daemon=True)
    thread.start()
    until(lambda: waiting() == 1)
    assert deadlocks() == [[thread.ident]]
    lock.release()
    thread.join(5)


def test_waiting_for_one_who_waits_for_nobody_is_no_deadlock() -> None:
    lock = TrackedLock()
    with lock:
        thread = threading.Thread(target=lambda: lock.acquire() and lock.release())
        thread.start()
        until(lambda: waiting() == 1)
        assert deadlocks() == []
    thread.join(5)


def contend(lock: TrackedLock) -> None:
    with lock:
        pass


def test_contention_is_time_by_stack() -> None:
    lock = TrackedLock()
    lock.acquire()
    threads = [threading.Thread(target=contend, args=(lock,)) for _ in range(2)]
    threading.Timer(0.05, lambda: [thread.start() for thread in threads]).start()
    threading.Timer(0.35, lock.release).start()
    profile = contention(0.6)
    for thread in threads:
        thread.join(5)
    ((times, delay_ns),) = [values for (stack, _), values in profile.samples.items() if stack[0].function == "contend"]
    assert times == 2
    assert 0.3e9 < delay_ns < 1.2e9
    assert profile.value_types[1].type == "delay"


def test_a_wait_that_goes_on_is_counted_too() -> None:
    lock = TrackedLock()
    with lock:
        thread = threading.Thread(target=contend, args=(lock,))
        thread.start()
        until(lambda: waiting() == 1)
        profile = contention(0.2)
    thread.join(5)
    assert sum(values[1] for values in profile.samples.values()) >= 0.19e9


def test_without_tracking_the_profile_says_so() -> None:
    assert "spanwise.track_locks()" in contention(None).comments[0]


def test_pythons_own_rlocks_name_their_holders() -> None:
    lock = threading.RLock()
    with lock, lock:
        assert any(held.owner == threading.get_ident() and held.depth == 2 for held in held_rlocks())
    assert not any(held.owner == threading.get_ident() and held.depth == 2 for held in held_rlocks())
