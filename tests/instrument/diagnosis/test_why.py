"""Each fault is staged for real, and named by the rule that is there for it."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from spanwise import standard
from spanwise.diagnosis.garbage import PAUSES, watch_collections
from spanwise.diagnosis.recorder import Recorder
from spanwise.diagnosis.why import Finding, findings
from spanwise.event_loop import loop_watch
from spanwise.health import Check, Health, Kind
from spanwise.profiling.locks import WAITS, TrackedLock
from spanwise.tracing.exporter import ExportLimits, SpanExporter
from spanwise.tracing.outage import Outage
from spanwise.tracing.transport import Sent


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


def until(condition: Callable[[], Any], timeout_s: float = 5.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {timeout_s} s")


def only(kind: str, found: list[Finding]) -> Finding:
    (finding,) = [each for each in found if each.kind == kind]
    return finding


def test_a_healthy_process_has_nothing_wrong(health: Health, recorder: Recorder) -> None:
    recorder.record()
    assert findings(health, recorder) == []


@contextmanager
def running_loop(main: Callable[[threading.Event], Any]) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(main(stop)), name="loop")
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


BLOCKING = threading.Event()


async def blocks(stop: threading.Event) -> None:
    await asyncio.sleep(0)
    BLOCKING.set()
    while not stop.is_set():
        time.sleep(0.8)  # the culprit


def test_a_blocked_loop_is_named_with_its_line(health: Health, recorder: Recorder) -> None:
    BLOCKING.clear()
    with running_loop(blocks):
        BLOCKING.wait(5)
        finding = only("blocked loop", findings(health, recorder))
    line = blocks.__code__.co_firstlineno + 4
    assert f"test_why.py:{line} in blocks" in finding.text
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
    BLOCKING.clear()
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
    first, second = TrackedLock(), TrackedLock()
    both_hold = threading.Barrier(2)

    def transfer(mine: TrackedLock, theirs: TrackedLock) -> None:
        mine.acquire()
        both_hold.wait(5)
        theirs.acquire()

    for name, pair in (("transfer-1", (first, second)), ("transfer-2", (second, first))):
        threading.Thread(target=transfer, args=pair, name=name, daemon=True).start()
    until(lambda: len(WAITS.now()) == 2)
    found = findings(health, recorder)
    first.release()
    second.release()
    until(lambda: not WAITS.now())
    assert found[0].kind == "deadlock"
    assert "transfer-1 at " in found[0].text
    assert "transfer waits for transfer-2" in found[0].text
    assert "transfer waits for transfer-1" in found[0].text
    assert findings(health, recorder) == []


def charge(stop: threading.Event) -> None:
    stop.wait(20)


def test_an_exhausted_pool_is_named_with_the_call(health: Health, recorder: Recorder) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor(3, thread_name_prefix="payments") as pool:
        for _ in range(5):
            pool.submit(charge, stop)
        until(lambda: pool._work_queue.qsize() == 2)
        found = findings(health, recorder)
        stop.set()
        finding = only("exhausted pool", found)
        assert "payments is exhausted: all 3 threads are busy, 2 jobs waiting; 3 of them at" in finding.text
        assert "in charge, calling Event.wait" in finding.text
    assert findings(health, recorder) == []


def test_a_busy_pool_with_an_empty_queue_is_not_exhausted(health: Health, recorder: Recorder) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            pool.submit(charge, stop)
        until(lambda: pool._work_queue.qsize() == 0 and len(pool._threads) == 2)
        assert findings(health, recorder) == []
        stop.set()


def test_a_garbage_storm(health: Health, recorder: Recorder) -> None:
    stop = threading.Event()
    held = [[number] for number in range(300_000)]

    def storm() -> None:
        while not stop.is_set():
            gc.collect()

    recorder.record()
    thread = threading.Thread(target=storm)
    thread.start()
    try:
        before = PAUSES.collections[2]
        until(lambda: PAUSES.collections[2] >= before + 8, 15)
        finding = only("gc storm", findings(health, recorder))
    finally:
        stop.set()
        thread.join(10)
    assert len(held) == 300_000
    assert "full collections" in finding.text
    assert ("collections", "/admin/gc") in finding.links


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


class Stuck:
    """A collector that takes nothing until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def send(self, body: bytes, timeout_s: float) -> Sent:
        self.go.wait(20)
        return Sent(ok=True)

    def close(self) -> None:
        pass


def test_an_exporter_that_drops_spans(health: Health, recorder: Recorder, registry: CollectorRegistry) -> None:
    from opentelemetry.sdk.trace import TracerProvider

    def counter(row: standard.Metric) -> Counter:
        return Counter(row.name.removesuffix("_total"), row.description, row.labels, registry=registry)

    transport = Stuck()
    exported, dropped = counter(standard.SPANS_EXPORTED), counter(standard.SPANS_DROPPED)
    limits = ExportLimits(max_queue=5, max_batch=5, delay_s=0.01, timeout_s=5)
    exporter = SpanExporter(transport, limits, Outage("test"), exported, dropped)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(exporter)
    recorder.record()
    for _ in range(40):
        provider.get_tracer("test").start_span("span").end()
    try:
        finding = only("dropped spans", findings(health, recorder))
    finally:
        transport.go.set()
        exporter.shutdown(2)
    assert "queue full in the last" in finding.text


def test_the_worst_comes_first(health: Health, recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("nr_periods 100\nnr_throttled 0\nthrottled_usec 0\n")
    recorder.record()
    (tmp_path / "cpu.stat").write_text("nr_periods 200\nnr_throttled 50\nthrottled_usec 1\n")
    BLOCKING.clear()
    with running_loop(blocks):
        BLOCKING.wait(5)
        kinds = [finding.kind for finding in findings(health, recorder)]
    assert kinds == ["blocked loop", "throttled"]
