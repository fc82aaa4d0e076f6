"""Thread pools: how many threads they have, how many are busy, and how many jobs wait; read at the scrape alone.

Covers `concurrent.futures.ThreadPoolExecutor` (asyncio's default executor and gunicorn's gthread among them) and the
worker threads of AnyIO, in which Starlette and FastAPI run plain functions. Nothing is patched: a pool's threads are
known to its module, and a thread without work stands in the pool's own loop.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from spanwise.profiling.stacks import current_frames
from spanwise.standard import PYTHON_EXECUTOR_BUSY, PYTHON_EXECUTOR_THREADS, PYTHON_EXECUTOR_WAITING

_ANYIO_NAME = "AnyIO worker thread"
_ANYIO_POOL = "anyio"
# Pools whose names hold an id of something are one, so that labels stay few.
_MAX_POOLS = 50
_OTHER = "_other"
_WAITING_MODULES = ("threading", "queue")


@dataclass(slots=True)
class Pool:
    """Pools of one name are added up. `waiting` None: nobody can tell."""

    threads: int = 0
    busy: int = 0
    waiting: int | None = None


class ExecutorCollector(Collector):
    """Registered once with a registry."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        found = pools()
        for row, field in (
            (PYTHON_EXECUTOR_THREADS, "threads"),
            (PYTHON_EXECUTOR_BUSY, "busy"),
            (PYTHON_EXECUTOR_WAITING, "waiting"),
        ):
            family = GaugeMetricFamily(row.name, row.description, labels=row.labels)
            for name, pool in found.items():
                value: int | None = getattr(pool, field)
                if value is not None:
                    family.add_metric([name], value)
            yield family


def pools() -> dict[str, Pool]:
    """The pools that have threads now, by name."""
    frames = current_frames()
    found: dict[str, Pool] = {}
    queues: set[int] = set()
    for thread, queue in _executor_threads():
        pool = _pool(found, pool_name(thread.name))
        pool.threads += 1
        frame = frames.get(thread.ident or 0)
        # An idle worker waits inside of a function written in C, which has no frame of its own.
        pool.busy += frame is not None and frame.f_code.co_name != "_worker"
        if id(queue) not in queues:
            queues.add(id(queue))
            pool.waiting = (pool.waiting or 0) + queue.qsize()
    for thread in threading.enumerate():
        if thread.name == _ANYIO_NAME:
            pool = _pool(found, _ANYIO_POOL)
            pool.threads += 1
            pool.busy += _works(frames.get(thread.ident or 0))
    return found


def pool_name(thread_name: str) -> str:
    """`"ThreadPoolExecutor-3_0"` -> `"ThreadPoolExecutor"`, `"asyncio_1"` -> `"asyncio"`."""
    return re.sub(r"-\d+$", "", re.sub(r"_\d+$", "", thread_name)) or thread_name


def _pool(found: dict[str, Pool], name: str) -> Pool:
    if name not in found and len(found) >= _MAX_POOLS:
        name = _OTHER
    return found.setdefault(name, Pool())


def _executor_threads() -> list[tuple[threading.Thread, Any]]:
    module = sys.modules.get("concurrent.futures.thread")
    known = getattr(module, "_threads_queues", None)
    return [(thread, queue) for thread, queue in list(known.items()) if thread.is_alive()] if known else []


def _works(frame: FrameType | None) -> bool:
    """Whether an AnyIO worker is past its own wait for work: a queue's `get`, called by AnyIO itself."""
    called = ""
    while frame is not None and frame.f_globals.get("__name__") in _WAITING_MODULES:
        called, frame = f"{frame.f_globals['__name__']}.{frame.f_code.co_name}", frame.f_back
    by_anyio = frame is not None and str(frame.f_globals.get("__name__", "")).startswith("anyio._backends")
    return frame is not None and not (by_anyio and called == "queue.get")
