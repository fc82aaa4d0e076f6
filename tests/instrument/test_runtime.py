"""Garbage collection pauses and threads, measured by what really happens."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Histogram

from spanwise import standard
from spanwise.metrics import from_standard
from spanwise.runtime import GcPauses


def pauses() -> tuple[GcPauses, CollectorRegistry]:
    registry = CollectorRegistry()
    return GcPauses(from_standard(Histogram, standard.PYTHON_GC_PAUSE, registry)), registry


def count(registry: CollectorRegistry, generation: int) -> float | None:
    return registry.get_sample_value("python_gc_pause_seconds_count", {"generation": str(generation)})


def test_each_collection_is_a_pause_of_its_generation() -> None:
    callback, registry = pauses()
    gc.collect()
    gc.callbacks.append(callback)
    try:
        gc.collect(0)
        gc.collect(2)
        gc.collect(2)
    finally:
        gc.callbacks.remove(callback)
    assert count(registry, 2) == 2
    assert (count(registry, 0) or 0) >= 1
    assert 0 < (registry.get_sample_value("python_gc_pause_seconds_sum", {"generation": "2"}) or 0) < 10


def test_all_generations_are_there_from_the_start() -> None:
    _, registry = pauses()
    assert [count(registry, generation) for generation in range(3)] == [0, 0, 0]


def test_an_end_without_a_start_is_no_pause() -> None:
    callback, registry = pauses()
    callback("stop", {"generation": 1})
    assert count(registry, 1) == 0


def test_of_a_service(run: Callable[..., Any]) -> None:
    found = run(
        """
        import gc, json, threading
        from prometheus_client import REGISTRY
        from spanwise import runtime
        runtime.start()
        assert runtime.start() is runtime.start()
        for _ in range(3):
            gc.collect()
        stop = threading.Event()
        before = REGISTRY.get_sample_value("python_threads")
        threading.Thread(target=stop.wait).start()
        after = REGISTRY.get_sample_value("python_threads")
        stop.set()
        print(json.dumps([
            sum(callback is runtime.start() for callback in gc.callbacks), before, after,
            REGISTRY.get_sample_value("python_gc_pause_seconds_count", {"generation": "2"}),
        ]))
        """
    ).json
    assert found[0] == 1
    assert found[2] == found[1] + 1
    assert found[3] >= 3


def test_a_collection_during_a_scrape_does_not_deadlock() -> None:
    callback, registry = pauses()
    threshold = gc.get_threshold()
    gc.callbacks.append(callback)
    gc.set_threshold(1, 1, 1)
    try:
        done = threading.Thread(target=lambda: [list(registry.collect()) for _ in range(50)], daemon=True)
        done.start()
        done.join(20)
        assert not done.is_alive()
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(callback)
