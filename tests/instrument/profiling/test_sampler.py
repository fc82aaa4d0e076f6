from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from spanwise.profiling import sampler
from spanwise.profiling.profile import CPU, WALL, Profile
from spanwise.profiling.sampler import Busy, Cancelled, sample


def seventy(until: float) -> None:
    while time.thread_time() < until:
        sum(range(50))


def thirty(until: float) -> None:
    while time.thread_time() < until:
        sum(range(50))


def seventy_thirty(stop: threading.Event) -> None:
    """Each round is 7 ms of processor time in the one and 3 ms in the other."""
    while not stop.is_set():
        seventy(time.thread_time() + 0.007)
        thirty(time.thread_time() + 0.003)


def share(profile: Profile, type_name: str, one: str, other: str) -> float:
    """What share `one` has of the time of both, wherever they stand in the stack."""
    sums = {one: 0, other: 0}
    for stack, value in profile.by_stack(profile.index(type_name)).items():
        for name in sums:
            if any(frame.function == name for frame in stack):
                sums[name] += value
    return sums[one] / (sums[one] + sums[other])


@pytest.mark.parametrize("type_name", [CPU.type, WALL.type])
def test_a_split_of_two_hot_functions_is_found_within_5_points(start: Callable[..., Any], type_name: str) -> None:
    start(seventy_thirty)
    profile = sample(3.0, 199)  # a rate that is no multiple of the program's own rhythm
    assert share(profile, type_name, "seventy", "thirty") == pytest.approx(0.70, abs=0.05)


def test_processor_time_adds_up_and_a_sleeper_has_none(start: Callable[..., Any]) -> None:
    busy = start(seventy_thirty, name="busy")
    start(lambda stop: stop.wait() and None, name="sleeper")
    began = time.clock_gettime_ns((~busy.native_id << 3) | 6)  # type: ignore[operator]
    profile = sample(1.0, 100)
    ran = time.clock_gettime_ns((~busy.native_id << 3) | 6) - began  # type: ignore[operator]
    by_thread: dict[str, int] = {}
    for (_, labels), values in profile.samples.items():
        name = dict(labels)["thread"]
        by_thread[name] = by_thread.get(name, 0) + values[profile.index(CPU.type)]
    assert by_thread["busy"] == pytest.approx(ran, rel=0.15)
    assert by_thread["sleeper"] < 20_000_000


def test_wall_time_is_the_time_that_passed(start: Callable[..., Any]) -> None:
    start(lambda stop: stop.wait() and None, name="sleeper")
    profile = sample(0.5, 50)
    waited = sum(v[1] for (_, labels), v in profile.samples.items() if dict(labels)["thread"] == "sleeper")
    assert waited == pytest.approx(0.5e9, rel=0.2)
    assert profile.duration_ns == pytest.approx(0.5e9, rel=0.5)


def test_the_librarys_own_threads_and_the_caller_are_left_out(start: Callable[..., Any]) -> None:
    start(lambda stop: stop.wait() and None, name="spanwise-exporter")
    start(lambda stop: stop.wait() and None, name="mine")
    names = {dict(labels)["thread"] for _, labels in sample(0.1, 50).samples}
    assert "mine" in names
    assert "spanwise-exporter" not in names
    assert threading.current_thread().name not in names


def test_a_thread_that_ends_meanwhile_is_no_fault(start: Callable[..., Any]) -> None:
    def short_lived(stop: threading.Event) -> None:
        while not stop.is_set():
            thread = threading.Thread(target=time.sleep, args=(0.002,))
            thread.start()
            thread.join()

    start(short_lived)
    assert sample(0.5, 200).samples


def test_gaps_are_counted_as_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = sampler.current_frames

    def held_up() -> Any:
        time.sleep(0.05)
        return slow()

    monkeypatch.setattr(sampler, "current_frames", held_up)
    (comment,) = sample(0.5, 100).comments
    looks, missed = (int(part.split()[0]) for part in comment.split(", "))
    assert looks <= 11
    assert missed >= 20


def test_only_one_profile_at_a_time() -> None:
    stop = threading.Event()
    outcome: list[type[BaseException]] = []

    def first() -> None:
        try:
            sample(20, 10, stop.is_set)
        except Cancelled as error:
            outcome.append(type(error))

    thread = threading.Thread(target=first)
    thread.start()
    try:
        deadline = time.monotonic() + 5
        while not sampler._one_at_a_time.locked() and time.monotonic() < deadline:
            time.sleep(0.01)
        with pytest.raises(Busy, match="another profile"):
            sample(0.1, 10)
    finally:
        stop.set()
        thread.join(5)
    assert outcome == [Cancelled]
    assert sample(0.05, 50).kind == "profile"


@pytest.mark.parametrize(("seconds", "hz"), [(0, 100), (-1, 100), (301, 100), (float("nan"), 100), (1, 0), (1, 251)])
def test_limits(seconds: float, hz: int) -> None:
    with pytest.raises(ValueError, match=r"must be"):
        sample(seconds, hz)


def short_bursts(stop: threading.Event) -> None:
    """Bursts that are shorter than the interpreter's usual 5 ms between switches, and longer waits between them."""
    while not stop.is_set():
        seventy(time.thread_time() + 0.002)
        time.sleep(0.004)


def test_short_bursts_of_work_are_not_hidden_behind_waits(start: Callable[..., Any]) -> None:
    start(short_bursts)
    before = sys.getswitchinterval()
    profile = sample(2.0, 99)
    assert sys.getswitchinterval() == before
    work, wait = 0, 0
    for stack, value in profile.by_stack(profile.index(CPU.type)).items():
        if any(frame.function == "seventy" for frame in stack):
            work += value
        elif stack[0].function == "short_bursts":
            wait += value
    assert work > 0.1e9
    assert wait < 0.2 * work
