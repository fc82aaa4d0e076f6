from __future__ import annotations

import threading
import time
import tracemalloc
from pathlib import Path

import pytest

from spanwise.profiling.heap import NoRoom, census, check_room, window
from spanwise.profiling.sampler import Busy, Cancelled, sample
from spanwise.profiling.stacks import Frame

HELD: list[bytearray] = []


class Warehouse:
    @staticmethod
    def fill() -> None:
        for _ in range(300):
            HELD.append(bytearray(10_000))


class Parcel:
    """Objects of a type that nobody else has."""


def test_a_window_finds_who_allocated_what_is_still_held() -> None:
    HELD.clear()
    timer = threading.Timer(0.1, Warehouse.fill)
    timer.start()
    profile = window(0.5)
    timer.join()
    sizes = {
        stack: values
        for (stack, _), values in profile.samples.items()
        if any(frame.function.endswith("fill") and frame.file == __file__ for frame in stack)
    }
    assert 3_000_000 <= sum(values[1] for values in sizes.values()) < 3_300_000
    assert sum(values[0] for values in sizes.values()) >= 300
    assert not tracemalloc.is_tracing()
    HELD.clear()


def test_what_a_service_traces_itself_goes_on() -> None:
    tracemalloc.start()
    try:
        window(0.05)
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_it_stops_tracing_when_nobody_waits_any_more() -> None:
    with pytest.raises(Cancelled):
        window(30, lambda: True)
    assert not tracemalloc.is_tracing()


def test_it_is_refused_where_there_is_no_room(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("20000000")
    (tmp_path / "memory.current").write_text("15000000")
    with pytest.raises(NoRoom, match="5 MB are left"):
        window(0.05, root=tmp_path)
    assert not tracemalloc.is_tracing()
    (tmp_path / "memory.max").write_text(str(10**12))
    check_room(tmp_path)
    sample(0.02, 50)  # the refusal gave its turn back


def test_it_takes_turns_with_other_profiles() -> None:
    stop = threading.Event()

    def profile() -> None:
        with pytest.raises(Cancelled):
            sample(20, 10, stop.is_set)

    thread = threading.Thread(target=profile)
    thread.start()
    time.sleep(0.1)
    try:
        with pytest.raises(Busy):
            window(0.05)
    finally:
        stop.set()
        thread.join(5)


@pytest.mark.parametrize("seconds", [0, -1, 61, float("nan")])
def test_limits(seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds must be"):
        window(seconds)


def test_the_census_counts_objects_by_type() -> None:
    parcels = [Parcel() for _ in range(1000)]
    profile = census()
    (count, size) = next(
        values for (stack, _), values in profile.samples.items() if stack[0].function.endswith("test_heap.Parcel")
    )
    assert 900 <= count <= 1100
    assert size >= 900 * 16
    assert len(parcels) == 1000
    assert any(stack == (Frame("dict", "builtins", 0),) for stack, _ in profile.samples)


def test_a_census_of_many_objects_is_an_estimate_in_bounded_time() -> None:
    many = [[number] for number in range(600_000)]
    began = time.monotonic()
    profile = census()
    assert time.monotonic() - began < 4
    lists = next(values for (stack, _), values in profile.samples.items() if stack[0].function == "list")
    assert lists[0] == pytest.approx(600_000, rel=0.2)
    assert "estimated" in profile.comments[0]
    assert len(many) == 600_000
