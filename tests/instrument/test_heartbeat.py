from __future__ import annotations

import asyncio
import threading
import time

from spanwise.health import Health
from spanwise.heartbeat import Heartbeat


def test_no_loop_no_pulse():
    heartbeat = Heartbeat()
    assert heartbeat.age_s is None
    assert not heartbeat.missed


def test_a_blocked_loop_fails_liveness_and_recovers():
    health = Health()
    health.heartbeat.timeout_s = 0.2
    seen = {}
    release = threading.Event()

    async def main() -> None:
        health.heartbeat.watch(asyncio.get_running_loop())
        health.heartbeat.watch(asyncio.get_running_loop())
        seen["before"] = health.alive()
        watcher = threading.Thread(target=look)
        watcher.start()
        release.wait(10)  # blocks the loop
        await asyncio.sleep(0)

    def look() -> None:
        deadline = time.monotonic() + 5
        while health.alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        seen["blocked"] = health.alive()
        release.set()

    asyncio.run(main())
    assert seen == {"before": True, "blocked": False}
    assert health.heartbeat.age_s is None  # the loop has ended
    assert health.alive()


def test_forgotten_after_a_fork():
    heartbeat = Heartbeat(timeout_s=0.0)

    async def main() -> bool:
        heartbeat.watch(asyncio.get_running_loop())
        heartbeat.forget()
        return heartbeat.missed

    assert asyncio.run(main()) is False
