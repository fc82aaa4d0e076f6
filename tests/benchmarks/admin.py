"""What looking costs, and how fast /admin answers when the service is busy. Prints JSON; `make bench-admin`.

1. Sampling at 100 Hz with 20 threads: the sampler's own processor time, as a share of a core.
2. Median and slowest answer of each endpoint beside pure-Python loops in every worker thread, and beside a blocked
   event loop.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import spanwise
from spanwise.profiling.clocks import cpu_ns
from spanwise.profiling.sampler import sample

THREADS = 20
HZ = 100
SAMPLING_BUDGET = 0.03
ENDPOINTS = {
    "/admin/ping": 0.25,
    "/health": 0.25,
    "/livez": 0.25,
    "/readyz": 0.25,
    "/admin/threads": 0.25,
    "/admin/metrics.json": 2.0,
    "/metrics": 2.0,
}


def nested(depth: int, work: Callable[[], None]) -> None:
    """A stack as deep as a web framework's."""
    if depth:
        nested(depth - 1, work)
    else:
        work()


@contextmanager
def threads(number: int, once: Callable[[], None]) -> Iterator[None]:
    stop = threading.Event()

    def run() -> None:
        def work() -> None:
            while not stop.is_set():
                once()

        nested(25, work)

    started = [threading.Thread(target=run, name=f"worker-{each}", daemon=True) for each in range(number)]
    for thread in started:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in started:
            thread.join(10)


def spin() -> None:
    total = 0
    for number in range(2000):
        total += number


def rest() -> None:
    time.sleep(0.02)


def serve() -> None:
    """A request now and then: some work, then waiting for somebody else."""
    spin()
    time.sleep(0.1)


def sampling(seconds: float) -> dict[str, object]:
    """The sampling thread's own processor time, which is what a core loses; spent at three kinds of threads."""
    results: dict[str, object] = {}
    for name, once in (("waiting", rest), ("serving", serve), ("busy", spin)):
        with threads(THREADS, once):
            time.sleep(0.2)
            shares = []
            for _ in range(3):
                before = cpu_ns(threading.get_native_id()) or 0
                profile = sample(seconds, HZ)
                shares.append(((cpu_ns(threading.get_native_id()) or 0) - before) / 1e9 / seconds)
        share = statistics.median(shares)
        results[name] = {
            "share_of_a_core": round(share, 4),
            "within_budget": share <= SAMPLING_BUDGET,
            "looks": profile.comments[0],
        }
    return {"threads": THREADS, "hz": HZ, "budget": SAMPLING_BUDGET, "beside_threads_that_are": results}


def answers(port: int, rounds: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for path, budget_s in ENDPOINTS.items():
        took = []
        for _ in range(rounds):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            began = time.perf_counter()
            connection.request("GET", path)
            connection.getresponse().read()
            took.append(time.perf_counter() - began)
            connection.close()
        median = statistics.median(took)
        found[path] = {
            "median_ms": round(median * 1000, 1),
            "slowest_ms": round(max(took) * 1000, 1),
            "budget_ms": budget_s * 1000,
            "within_budget": median <= budget_s,
        }
    return found


def ask_from_outside(port: int, rounds: int) -> dict[str, object]:
    """From a process of its own: a client inside this one would wait for the same interpreter."""
    import subprocess

    asked = subprocess.run(
        [sys.executable, __file__, "--ask", str(port), "--rounds", str(rounds)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    result: dict[str, object] = json.loads(asked.stdout)
    return result


@contextmanager
def blocked_loop() -> Iterator[None]:
    stop, blocking = threading.Event(), threading.Event()

    async def main() -> None:
        blocking.set()
        stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="loop", daemon=True)
    thread.start()
    blocking.wait(5)
    try:
        yield
    finally:
        stop.set()
        thread.join(5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each sampling run")
    parser.add_argument("--rounds", type=int, default=15, help="requests of each endpoint")
    parser.add_argument("--workers", type=int, default=4, help="threads that keep the interpreter busy")
    parser.add_argument("--ask", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="a look in some seconds: 1 s of sampling, 5 requests each")
    given = parser.parse_args()
    if given.quick:
        given.seconds, given.rounds = min(given.seconds, 1.0), min(given.rounds, 5)
    if given.ask:
        print(json.dumps(answers(given.ask, given.rounds)))
        return 0
    started = spanwise.instrument(service="bench", admin_host="127.0.0.1", admin_port=0, export=lambda body: None)
    assert started.admin is not None
    port = started.admin.port
    report: dict[str, object] = {
        "python": sys.version.split()[0],
        "switch_interval_ms": sys.getswitchinterval() * 1000,
        "sampling": sampling(given.seconds),
        "idle": ask_from_outside(port, given.rounds),
    }
    with threads(given.workers, spin):
        report[f"{given.workers}_busy_threads"] = ask_from_outside(port, given.rounds)
    with blocked_loop():
        report["blocked_loop"] = ask_from_outside(port, given.rounds)
    started.shutdown()
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
