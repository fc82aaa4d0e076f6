"""Thread pools from outside: how full they are, with nothing patched."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import anyio.to_thread
import pytest
from prometheus_client import CollectorRegistry

from spanwise.executors import ExecutorCollector, Pool, pool_name, pools
from tests.instrument.collector_sink import until


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    opened = threading.Event()
    yield opened
    opened.set()


def test_a_pool_that_is_full_and_then_free(gate: threading.Event) -> None:
    with ThreadPoolExecutor(2, thread_name_prefix="images") as executor:
        for _ in range(5):
            executor.submit(gate.wait, 10)
        until(lambda: pools().get("images") == Pool(threads=2, busy=2, waiting=3))
        gate.set()
        until(lambda: pools().get("images") == Pool(threads=2, busy=0, waiting=0))
    assert "images" not in pools()


def test_pools_of_one_name_are_added_up(gate: threading.Event) -> None:
    with ThreadPoolExecutor(1, thread_name_prefix="twin") as one, ThreadPoolExecutor(1, "twin") as other:
        for executor in (one, other):
            executor.submit(gate.wait, 10)
            executor.submit(gate.wait, 10)
        until(lambda: pools().get("twin") == Pool(threads=2, busy=2, waiting=2))
        gate.set()


@pytest.mark.parametrize(
    ("thread", "pool"),
    [("ThreadPoolExecutor-12_3", "ThreadPoolExecutor"), ("asyncio_0", "asyncio"), ("images_1", "images"), ("x", "x")],
)
def test_a_pool_s_name_has_no_numbers(thread: str, pool: str) -> None:
    assert pool_name(thread) == pool


def test_asyncio_and_anyio(gate: threading.Event) -> None:
    async def main() -> tuple[Pool, Pool, Pool]:
        by_asyncio = asyncio.get_running_loop().run_in_executor(None, gate.wait, 10)
        by_anyio = asyncio.create_task(anyio.to_thread.run_sync(gate.wait, 10))
        while pools().get("anyio", Pool()).busy < 1:
            await asyncio.sleep(0.005)
        found = pools()
        gate.set()
        await asyncio.gather(by_asyncio, by_anyio)
        while pools()["anyio"].busy:
            await asyncio.sleep(0.005)
        return found["asyncio"], found["anyio"], pools()["anyio"]

    default, busy, idle = asyncio.run(asyncio.wait_for(main(), 10))
    assert default == Pool(threads=1, busy=1, waiting=0)
    assert (busy, idle) == (Pool(1, 1, None), Pool(1, 0, None))


def test_as_metrics(gate: threading.Event) -> None:
    registry = CollectorRegistry()
    registry.register(ExecutorCollector())
    with ThreadPoolExecutor(1, thread_name_prefix="shown") as executor:
        executor.submit(gate.wait, 10)
        until(lambda: registry.get_sample_value("python_executor_busy_threads", {"executor": "shown"}) == 1)
        assert registry.get_sample_value("python_executor_threads", {"executor": "shown"}) == 1
        assert registry.get_sample_value("python_executor_waiting_jobs", {"executor": "shown"}) == 0
        gate.set()
