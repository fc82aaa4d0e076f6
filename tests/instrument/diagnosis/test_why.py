"""Each fault is staged for real, and named by the rule that is there for it."""

from __future__ import annotations

import asyncio
import gc
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from spanwise.diagnosis.garbage import watch_collections
from spanwise.diagnosis.recorder import Recorder
from spanwise.diagnosis.why import Finding, findings
from spanwise.event_loop import loop_watch
from spanwise.health import Check, Health, Kind
from tests.instrument import staged
from tests.instrument.staged import BLOCKING, running_loop, until


@pytest.fixture
def health() -> Iterator[Health]:
    health = Health()
    health.start()
    yield health
    health.stop()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def recorder(registry: CollectorRegistry, tmp_path: Path) -> Recorder:
    recorder = Recorder(registry, tmp_path)  # not started: a test makes its looks itself
    watch_collections()
    return recorder


def only(kind: str, found: list[Finding]) -> Finding:
    (finding,) = [each for each in found if each.kind == kind]
    return finding


def test_a_healthy_process_has_nothing_wrong(health: Health, recorder: Recorder) -> None:
    recorder.record()
    assert findings(health, recorder) == []


def test_a_blocked_loop_is_named_with_its_line(health: Health, recorder: Recorder) -> None:
    with staged.blocked_loop():
        finding = only("blocked loop", findings(health, recorder))
    line = staged.blocks.__code__.co_firstlineno + 4
    assert f"staged.py:{line} in blocks" in finding.text
    assert "`time.sleep(0.8)  # the culprit`" in finding.text
    assert ("tasks", "/admin/tasks") in finding.links


async def stalls(stop: threading.Event) -> None:
    loop_watch().watch(asyncio.get_running_loop())
    for _ in range(3):
        time.sleep(0.3)  # between beats it goes on
        await asyncio.sleep(0.25)
    BLOCKING.set()
    while not stop.is_set():
        await asyncio.sleep(0.01)


def test_a_loop_that_was_blocked_again_and_again_is_told_while_it_runs(health: Health, recorder: Recorder) -> None:
    loop_watch().blocks.clear()
    try:
        with running_loop(stalls):
            BLOCKING.wait(10)
            finding = only("stalling loop", findings(health, recorder))
    finally:
        loop_watch().blocks.clear()
    line = stalls.__code__.co_firstlineno + 3
    assert "was blocked 3 times in the last minute" in finding.text
    assert f"test_why.py:{line} in stalls `time.sleep(0.3)" in finding.text


async def works(stop: threading.Event) -> None:
    while not stop.is_set():
        await asyncio.sleep(0.01)


def test_a_loop_that_answers_is_not_blocked(health: Health, recorder: Recorder) -> None:
    with running_loop(works):
        time.sleep(0.1)
        assert findings(health, recorder) == []


def test_a_deadlock_of_two_tracked_locks(health: Health, recorder: Recorder) -> None:
    with staged.deadlock():
        found = findings(health, recorder)
    assert found[0].kind == "deadlock"
    assert "transfer-1 at " in found[0].text
    assert "transfer waits for transfer-2" in found[0].text
    assert "transfer waits for transfer-1" in found[0].text
    assert findings(health, recorder) == []


def test_an_exhausted_pool_is_named_with_the_call(health: Health, recorder: Recorder) -> None:
    with staged.exhausted_pool():
        finding = only("exhausted pool", findings(health, recorder))
    assert "payments is exhausted: all 3 threads are busy, 2 jobs waiting; 3 of them at" in finding.text
    assert re.search(r"in charge, calling (Event\.)?wait", finding.text)  # Python 3.10 does not know the class
    assert findings(health, recorder) == []


def test_a_busy_pool_with_an_empty_queue_is_not_exhausted(health: Health, recorder: Recorder) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            pool.submit(staged.charge, stop)
        until(lambda: pool._work_queue.qsize() == 0 and len(pool._threads) == 2)
        assert findings(health, recorder) == []
        stop.set()


def test_a_garbage_storm(health: Health, recorder: Recorder) -> None:
    recorder.record()
    with staged.garbage_storm():
        finding = only("gc storm", findings(health, recorder))
    assert "full collections" in finding.text
    assert ("collections", "/admin/gc") in finding.links


def test_one_collection_just_after_the_start_is_no_storm(health: Health, recorder: Recorder) -> None:
    held = [[number] for number in range(300_000)]
    recorder.record()
    gc.collect()
    assert [each for each in findings(health, recorder) if each.kind == "gc storm"] == []
    assert len(held) == 300_000


def test_a_period_or_two_are_no_throttling(health: Health, recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("nr_periods 100\nnr_throttled 0\nthrottled_usec 0\n")
    recorder.record()
    (tmp_path / "cpu.stat").write_text("nr_periods 102\nnr_throttled 1\nthrottled_usec 90000\n")
    assert [each for each in findings(health, recorder) if each.kind == "throttled"] == []


def test_a_throttled_group(health: Health, recorder: Recorder, tmp_path: Path) -> None:
    stat = tmp_path / "cpu.stat"
    stat.write_text("nr_periods 100\nnr_throttled 0\nthrottled_usec 0\n")
    recorder.record()
    assert findings(health, recorder) == []
    stat.write_text("nr_periods 200\nnr_throttled 31\nthrottled_usec 4200000\n")
    finding = only("throttled", findings(health, recorder))
    assert "held back in 31% of the periods" in finding.text
    assert "4.2 s in total" in finding.text


def test_throttling_that_is_over_is_not_told(health: Health, recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("nr_periods 1000\nnr_throttled 900\nthrottled_usec 90000000\n")
    recorder.record()
    (tmp_path / "cpu.stat").write_text("nr_periods 1200\nnr_throttled 901\nthrottled_usec 90001000\n")
    assert findings(health, recorder) == []


def test_a_failing_readiness_check(health: Health, recorder: Recorder) -> None:
    def database() -> None:
        raise ConnectionError("postgres://user:secret@db")

    health.add(Check("database", Kind.READINESS, database, 1.0, 10.0))
    until(lambda: any(result.fault for result in health.results(Kind.READINESS)))
    finding = only("failing check", findings(health, recorder))
    assert finding.text.startswith("Readiness check 'database' is failing: ConnectionError")
    assert "secret" not in finding.text


def test_an_exporter_that_drops_spans(health: Health, recorder: Recorder, registry: CollectorRegistry) -> None:
    recorder.record()
    with staged.dropping_exporter(registry):
        finding = only("dropped spans", findings(health, recorder))
    assert "queue full in the last" in finding.text


def test_the_worst_comes_first(health: Health, recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("nr_periods 100\nnr_throttled 0\nthrottled_usec 0\n")
    recorder.record()
    (tmp_path / "cpu.stat").write_text("nr_periods 200\nnr_throttled 50\nthrottled_usec 1\n")
    with staged.blocked_loop():
        kinds = [finding.kind for finding in findings(health, recorder)]
    assert kinds == ["blocked loop", "throttled"]
