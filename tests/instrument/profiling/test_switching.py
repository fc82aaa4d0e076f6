from __future__ import annotations

import sys
import threading

from spanwise.profiling.switching import quick_switches


def test_the_last_one_to_leave_brings_back_what_was_there() -> None:
    before = sys.getswitchinterval()
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with quick_switches():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with quick_switches():
        thread.start()
        assert inside.wait(10)
        assert sys.getswitchinterval() < 0.001
    assert sys.getswitchinterval() < 0.001, "another still wants it"
    leave.set()
    thread.join(10)
    assert sys.getswitchinterval() == before


def test_an_interval_that_is_shorter_already_stays() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    try:
        with quick_switches():
            assert sys.getswitchinterval() < 0.0002
    finally:
        sys.setswitchinterval(before)
