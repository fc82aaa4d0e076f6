from __future__ import annotations

import gc
import sys
import threading
import time

import pytest

from spanwise.profiling import stacks
from spanwise.profiling.stacks import Frame, current_frames, is_own, raw_stack, stack_key, stack_of


class Shop:
    def order(self) -> tuple[Frame, ...]:
        return stack_of(sys._getframe())  # the line that is found


def test_names_and_lines_leaf_first() -> None:
    stack = Shop().order()
    line = Shop.order.__code__.co_firstlineno + 1
    name = "Shop.order" if sys.version_info >= (3, 11) else "order"
    assert stack[0] == Frame(name, __file__, line)
    assert stack[1].function == "test_names_and_lines_leaf_first"
    assert str(stack[0]) == f"{name} ({__file__}:{line})"


def test_deep_stacks_are_cut() -> None:
    def deep(levels: int) -> int:
        return deep(levels - 1) if levels else len(raw_stack(sys._getframe()))

    assert deep(300) == 200


def test_no_frame_is_kept() -> None:
    class Big:
        pass

    def hold() -> stacks.RawStack:
        big = Big()
        raw = raw_stack(sys._getframe())
        assert big is not None
        return raw

    raw = hold()
    assert all(len(call) == 2 and isinstance(call[1], int) for call in raw)
    assert not [each for each in gc.get_objects() if type(each) is Big]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the interpreter itself keeps the collector out")
def test_the_collector_is_kept_out_while_frames_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(stacks.sys, "_current_frames", lambda: seen.append(gc.isenabled()) or {})  # type: ignore[func-returns-value]
    current_frames()
    assert seen == [False]
    assert gc.isenabled()
    gc.disable()
    try:
        current_frames()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_reading_frames_beside_collections_does_not_hang() -> None:
    """What CPython gh-106883 is about: a collection inside the reading deadlocks."""
    stop = threading.Event()

    def make_garbage() -> None:
        while not stop.is_set():
            for _ in range(1000):
                cycle: list[object] = []
                cycle.append(cycle)

    threads = [threading.Thread(target=make_garbage, daemon=True) for _ in range(3)]
    threshold = gc.get_threshold()
    gc.set_threshold(10, 2, 2)
    for thread in threads:
        thread.start()
    try:
        until = time.monotonic() + 1
        looks = 0
        while time.monotonic() < until:
            current_frames()
            looks += 1
    finally:
        stop.set()
        gc.set_threshold(*threshold)
        for thread in threads:
            thread.join(5)
    assert looks > 5


def test_own_threads_are_known_by_name() -> None:
    assert is_own(threading.Thread(name="spanwise-exporter"))
    assert not is_own(threading.Thread(name="waitress-1"))
    assert not is_own(None)


def test_a_key_tells_stacks_apart_as_the_stack_does() -> None:
    def here() -> tuple[object, object]:
        frame = sys._getframe()
        return stack_key(frame), raw_stack(frame)

    pairs = [here() for _ in range(3)]
    pairs.append(here())
    keys, stacks = {key for key, _ in pairs}, {stack for _, stack in pairs}
    assert len(keys) == len(stacks) == 2
    assert stack_key(None) == ()
