from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from spanwise.profiling import clocks
from spanwise.profiling.clocks import cpu_ns


def burn(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_own_thread_as_the_standard_library_sees_it() -> None:
    burn(0.02)
    assert cpu_ns(threading.get_native_id()) == pytest.approx(time.thread_time_ns(), abs=2_000_000)


def test_another_thread_and_one_that_has_ended() -> None:
    burnt, done = threading.Event(), threading.Event()

    def work() -> None:
        burn(0.05)
        burnt.set()
        done.wait(5)

    thread = threading.Thread(target=work)
    thread.start()
    burnt.wait(5)
    assert cpu_ns(thread.native_id) >= 50_000_000  # type: ignore[operator]
    done.set()
    thread.join()
    deadline = time.monotonic() + 2
    while cpu_ns(thread.native_id) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert cpu_ns(thread.native_id) is None


def test_the_schedulers_file_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    burn(0.02)
    native_id = threading.get_native_id()
    if not Path(f"/proc/self/task/{native_id}/schedstat").exists():
        pytest.skip("this kernel keeps no schedstat")

    def refuse(_clock: int) -> int:
        raise OSError

    by_clock = cpu_ns(native_id)
    monkeypatch.setattr(clocks.time, "clock_gettime_ns", refuse)
    assert cpu_ns(native_id) == pytest.approx(by_clock, abs=20_000_000)


def test_nothing_is_known_without_a_thread() -> None:
    assert cpu_ns(None) is None
    assert cpu_ns(0) is None
