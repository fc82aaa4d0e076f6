"""The lag of an event loop, and the stack of whoever blocked it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, Histogram

from spanwise import standard
from spanwise.event_loop import MAX_BLOCKS, LoopWatch
from spanwise.metrics import from_standard
from tests.instrument.collector_sink import until
from tests.instrument.conftest import Ran

NAME = "python_event_loop_lag_seconds"


class Watched:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.watch = LoopWatch(from_standard(Histogram, standard.PYTHON_EVENT_LOOP_LAG, self.registry))

    def run(self, main: Callable[[], object]) -> None:
        """Runs `main`, a coroutine function, in a watched loop."""

        async def watched() -> None:
            self.watch.watch(asyncio.get_running_loop())
            await main()  # type: ignore[misc]

        asyncio.run(watched())

    def beats(self, slower_than: str = "") -> float:
        value = self.registry.get_sample_value
        all_of_them = value(f"{NAME}_count") or 0.0
        return all_of_them - (value(f"{NAME}_bucket", {"le": slower_than}) or 0.0) if slower_than else all_of_them


@pytest.fixture
def watched() -> Watched:
    return Watched()


def the_culprit(seconds: float) -> None:
    time.sleep(seconds)


def test_a_free_loop_beats_in_time(watched: Watched) -> None:
    async def main() -> None:
        while watched.beats() < 3:
            await asyncio.sleep(0.01)

    watched.run(main)
    assert len(watched.watch.blocks) == 0 or watched.beats("0.1") > 0  # a busy machine may really have been late


def test_a_blocked_loop_is_measured_and_its_culprit_named(watched: Watched) -> None:
    async def main() -> None:
        await asyncio.sleep(0)
        the_culprit(0.6)
        while watched.beats() < 1:
            await asyncio.sleep(0.01)

    watched.run(main)
    assert watched.beats("0.25") == 1
    block = next(block for block in watched.watch.blocks if any("in the_culprit" in frame for frame in block.stack))
    assert "time.sleep(seconds)" in block.stack[-1]
    assert 0.3 < block.seconds < 5
    assert block.over
    assert abs(time.time() - block.at_unix_s) < 60


def test_it_is_seen_while_it_lasts(watched: Watched) -> None:
    """What a stuck service needs most: the answer before the loop goes on."""
    release = threading.Event()

    async def main() -> None:
        release.wait(10)

    thread = threading.Thread(target=watched.run, args=(main,))
    thread.start()
    block = until(lambda: next(iter(watched.watch.blocks), None))
    before = block.seconds
    until(lambda: block.seconds > before)
    assert not block.over
    release.set()
    thread.join()


def test_the_ring_is_bounded_and_one_block_is_one_entry(watched: Watched) -> None:
    async def main() -> None:
        the_culprit(0.5)
        while watched.beats() < 1:
            await asyncio.sleep(0)

    watched.run(main)
    assert len([b for b in watched.watch.blocks if any("the_culprit" in frame for frame in b.stack)]) == 1
    assert watched.watch.blocks.maxlen == MAX_BLOCKS


def test_a_loop_is_watched_once_and_forgotten_when_it_is_closed(watched: Watched) -> None:
    async def main() -> None:
        watched.watch.watch(asyncio.get_running_loop())
        assert len(watched.watch._beats) == 1

    watched.run(main)
    until(lambda: not watched.watch._beats)
    until(lambda: watched.watch._thread is None)
    watched.run(main)  # a new loop gets a new watchdog


def test_only_loops_that_serve_an_instrumented_application_are_watched(run: Callable[..., Ran]) -> None:
    ran = run("""
        import asyncio, json, spanwise
        from prometheus_client import REGISTRY
        from spanwise.event_loop import loop_watch

        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        here = spanwise.instrument(app, service="x", export=lambda body: None)

        async def idle():
            await asyncio.sleep(0.3)

        async def serve():
            async def send(message): ...
            await here.app({"type": "http", "method": "GET", "path": "/", "headers": []}, None, send)
            await asyncio.sleep(0.5)

        asyncio.run(idle())
        before = REGISTRY.get_sample_value("python_event_loop_lag_seconds_count")
        asyncio.run(serve())
        print(json.dumps([before, REGISTRY.get_sample_value("python_event_loop_lag_seconds_count")]))
    """)
    before, after = ran.json
    assert before is None
    assert after >= 1
