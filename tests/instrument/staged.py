"""Faults staged for real, each for as long as its block lasts."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry, Counter

from spanwise import standard
from spanwise.diagnosis.garbage import PAUSES
from spanwise.pace import Pace
from spanwise.profiling.locks import WAITS, TrackedLock
from spanwise.tracing.exporter import ExportLimits, SpanExporter
from spanwise.tracing.outage import Outage
from spanwise.tracing.transport import Sent


def until(condition: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {timeout_s} s")


BLOCKING = threading.Event()


async def blocks(stop: threading.Event) -> None:
    await asyncio.sleep(0)
    BLOCKING.set()
    while not stop.is_set():
        time.sleep(0.8)  # the culprit


@contextmanager
def running_loop(main: Callable[[threading.Event], Any]) -> Iterator[threading.Event]:
    """A loop in a thread of its own, which `main` has set BLOCKING in."""
    BLOCKING.clear()
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(main(stop)), name="loop")
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


@contextmanager
def blocked_loop() -> Iterator[None]:
    with running_loop(blocks):
        assert BLOCKING.wait(20)
        yield


@contextmanager
def deadlock(first_name: str = "transfer-1") -> Iterator[None]:
    """Of a thread of that name and transfer-2, and their two tracked locks."""
    first, second = TrackedLock(), TrackedLock()
    both_hold = threading.Barrier(2)

    def transfer(mine: TrackedLock, theirs: TrackedLock) -> None:
        mine.acquire()
        both_hold.wait(20)
        theirs.acquire()

    pairs = ((first_name, (first, second)), ("transfer-2", (second, first)))
    threads = [threading.Thread(target=transfer, args=pair, name=name) for name, pair in pairs]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(WAITS.now()) == 2)
        yield
    finally:
        first.release()
        second.release()
        for thread in threads:
            thread.join(20)


def charge(stop: threading.Event) -> None:
    stop.wait(60)


@contextmanager
def exhausted_pool() -> Iterator[None]:
    """`payments`: three threads in `charge`, two jobs waiting."""
    stop = threading.Event()
    with ThreadPoolExecutor(3, thread_name_prefix="payments") as pool:
        try:
            for _ in range(5):
                pool.submit(charge, stop)
            until(lambda: pool._work_queue.qsize() == 2)
            yield
        finally:
            stop.set()


@contextmanager
def garbage_storm() -> Iterator[None]:
    """Until it has taken half a second; of its own objects alone, however many the process holds already."""
    stop = threading.Event()
    gc.freeze()
    held = [[number] for number in range(300_000)]

    def storm() -> None:
        while not stop.is_set():
            gc.collect()

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        collections, seconds = PAUSES.collections[2] + 8, PAUSES.total_s + 0.5
        until(lambda: PAUSES.collections[2] >= collections and PAUSES.total_s >= seconds, 60)
        yield
    finally:
        stop.set()
        thread.join(20)
        held.clear()
        gc.unfreeze()


class Stuck:
    """A collector that takes nothing until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def pack(self, parts: Iterable[bytes], pace: Pace) -> bytes:
        return b"".join(parts)

    def send(self, body: bytes, timeout_s: float) -> Sent:
        self.go.wait(60)
        return Sent(ok=True)

    def close(self) -> None:
        pass


@contextmanager
def dropping_exporter(registry: CollectorRegistry) -> Iterator[None]:
    """Its queue of five is full; the counters are in `registry`."""

    def counter(row: standard.Metric) -> Counter:
        return Counter(row.name.removesuffix("_total"), row.description, row.labels, registry=registry)

    transport = Stuck()
    exported, dropped = counter(standard.SPANS_EXPORTED), counter(standard.SPANS_DROPPED)
    limits = ExportLimits(max_queue=5, max_batch=5, delay_s=0.01, timeout_s=5)
    exporter = SpanExporter(transport, limits, Outage("test"), exported, dropped)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(exporter)
    for _ in range(40):
        provider.get_tracer("test").start_span("span").end()
    try:
        yield
    finally:
        transport.go.set()
        exporter.shutdown(2)
