from __future__ import annotations

import gc
import threading
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter

from spanwise import cgroup, standard
from spanwise.diagnosis.garbage import PAUSES, watch_collections
from spanwise.diagnosis.recorder import Recorder, recorder_of


def test_a_look_has_what_is_compared(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    row = standard.SPANS_DROPPED
    dropped = Counter(row.name.removesuffix("_total"), row.description, row.labels, registry=registry)
    dropped.labels("queue_full").inc(3)
    (tmp_path / "cpu.stat").write_text("nr_periods 5\nnr_throttled 1\nthrottled_usec 7\n")
    look = Recorder(registry, tmp_path).look()
    assert look.dropped == {"queue_full": 3.0}
    assert look.cpu == cgroup.CpuUse(5, 1, 7e-6)
    assert look.gc_s == PAUSES.total_s


def test_before_is_the_oldest_that_is_young_enough() -> None:
    recorder = Recorder(CollectorRegistry())
    assert recorder.before(60) is None
    first = recorder.record()
    recorder.record()
    assert recorder.before(60) is first
    assert recorder.before(-1) is None


def test_a_registry_has_one_recorder_with_one_thread() -> None:
    registry = CollectorRegistry()
    recorder = recorder_of(registry)
    try:
        assert recorder_of(registry) is recorder
        assert recorder_of(CollectorRegistry()) is not recorder
        assert recorder.before(60) is not None
        assert any(thread.name == "spanwise-recorder" for thread in threading.enumerate())
    finally:
        recorder.stop()


def test_collections_are_counted_once_and_long_ones_kept() -> None:
    watch_collections()
    watch_collections()
    assert gc.callbacks.count(PAUSES) == 1
    before, seconds = PAUSES.collections[2], PAUSES.total_s
    held = [[number] for number in range(200_000)]
    gc.collect()
    assert PAUSES.collections[2] > before
    assert PAUSES.total_s > seconds
    assert PAUSES.long()[0].generation == 2
    assert PAUSES.long()[0].seconds >= 0.001
    assert len(held) == 200_000
