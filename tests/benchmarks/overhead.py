"""What instrumentation adds to a request: ours beside what people use today, everything exporting for real.

Each variant is a process of its own that is told how many requests to run. A round is a few thousand requests of a
variant, taking turns with the bare one in slices of 100, so that a slow moment of the machine hits both alike. Nobody
else runs meanwhile: threads that work by the clock, such as exporters, then get no more than twice the time beside
their requests that they would get in a busy service. A round's cost is the CPU time of the whole process, exporter
threads included, from its begin until everything is sent (encoded, compressed, posted) to a sink in another process.
Every few rounds all processes are replaced by fresh ones, because the layout of a process' memory makes it some per
cent faster or slower than the next one of the same code for as long as it lives; of the client, whose cost is a small
part of a call's, more often. Variants share one core, which they use in turns, and the sink has the others.

`added_cpu_us` is the median over rounds of the difference to the bare variant of the same round, `x_bare` of the ratio;
`quartiles_us` are those of the difference, and `median_95_us` is between what its median lies with 95 % confidence
(order statistics of the processes' own medians, which do not depend on each other). All variants are treated alike.

    python overhead.py [--processes N] [--rounds N] [--requests 2000] [--suites flask,fastapi,requests,admin] [--quick]

In the suite `admin` the bare variant is the instrumented service without its admin port, beside one that nobody asks.

Prints a line of JSON for each suite and, last, one object with all of them.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

Rounds = list[tuple[float, float]]  # of one process: microseconds of CPU time a request, its own and the bare one's
HERE = Path(__file__).parent
RATES = ("0", "0.1", "1.0")
SUITES = {
    "flask": ["bare", *(f"ours_{r}" for r in RATES), *(f"otel_{r}" for r in RATES), "promflask", "usual"],
    "fastapi": ["bare", *(f"ours_{r}" for r in RATES), *(f"otel_{r}" for r in RATES), "promfastapi", "usual"],
    "requests": ["bare", *(f"ours_{r}" for r in RATES), *(f"otel_{r}" for r in RATES)],
    "admin": ["bare", "idle"],
}
PROMISED_US = {"ours_0": 25, "ours_0.1": 30, "ours_1.0": 90}
PROMISED_CLIENT_US = {"ours_0": 10}
SLICE = 100
# Fresh processes of each variant, and rounds of each.
ROUNDS = {"flask": (5, 5), "fastapi": (5, 5), "requests": (14, 2), "admin": (5, 5)}
CORES = sorted(os.sched_getaffinity(0))


class Worker:
    """One variant's process."""

    def __init__(self, suite: str, variant: str, sink: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANWISE_"))}
        environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = sink
        self.name = f"{suite}/{variant}"
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "overhead_worker.py"), suite, variant, sink],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        os.sched_setaffinity(self.process.pid, CORES[:1])

    def wait_until_ready(self) -> None:
        if self._answer() != "ready":
            raise SystemExit(f"the variant {self.name} did not start")

    def begin(self) -> None:
        self._tell("begin")

    def run(self, requests: int) -> None:
        self._tell(str(requests))

    def end(self) -> float:
        """Seconds of CPU time since `begin`, everything sent."""
        return float(self._tell("end"))

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    def _tell(self, command: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def turns(worker: Worker, bare: Worker, requests: int) -> tuple[float, float]:
    """Microseconds of CPU time a request: the variant's and the bare one's."""
    both = [worker, bare]
    for one in both:
        one.begin()
    slices = requests // SLICE
    for _ in range(slices):
        for one in random.sample(both, 2):
            one.run(SLICE)
    spent, spent_bare = (one.end() / (slices * SLICE) * 1e6 for one in both)
    return spent, spent_bare


def measure(suite: str, sink: str, options: argparse.Namespace) -> dict[str, dict[str, object]]:
    samples: dict[str, list[Rounds]] = {variant: [] for variant in SUITES[suite] if variant != "bare"}
    processes, rounds = (given or usual for given, usual in zip((options.processes, options.rounds), ROUNDS[suite]))
    for _ in range(processes):
        # In random order, for who starts first finds another machine than who starts last.
        in_turn = random.sample(SUITES[suite], len(SUITES[suite]))
        workers = {variant: Worker(suite, variant, sink) for variant in in_turn}
        try:
            for worker in workers.values():
                worker.wait_until_ready()
            for taken in samples.values():
                taken.append([])
            for _ in range(rounds):
                for variant in random.sample(list(samples), len(samples)):
                    samples[variant][-1].append(turns(workers[variant], workers["bare"], options.requests))
        finally:
            for worker in workers.values():
                worker.stop()
    bare = [spent_bare for taken in samples.values() for process in taken for _, spent_bare in process]
    return {"bare": {"cpu_us": round(statistics.median(bare), 1), "added_cpu_us": 0.0, "x_bare": 1.0}} | {
        variant: beside(taken) for variant, taken in samples.items()
    }


def beside(processes: list[Rounds]) -> dict[str, object]:
    taken = [one for process in processes for one in process]
    low, median, high = statistics.quantiles((spent - bare for spent, bare in taken), n=4)
    medians = sorted(statistics.median(spent - bare for spent, bare in process) for process in processes)
    outside = beyond(len(medians))
    return {
        "cpu_us": round(statistics.median(spent for spent, _ in taken), 1),
        "added_cpu_us": round(median, 1),
        "quartiles_us": [round(low, 1), round(high, 1)],
        "median_95_us": [round(medians[outside], 1), round(medians[-1 - outside], 1)],
        "x_bare": round(statistics.median(spent / bare for spent, bare in taken), 2),
    }


def beyond(count: int) -> int:
    """How many of `count` values may lie on each side of an interval that holds their median with 95 % confidence; of
    fewer than six all lie within, and the confidence is less."""
    share, outside = 0.5**count, 0
    while share + (following := math.comb(count, outside + 1) * 0.5**count) <= 0.025:
        share, outside = share + following, outside + 1
    return outside


def summary(suite: str, variants: dict[str, dict[str, Any]]) -> dict[str, object]:
    if suite == "admin":
        return {"suite": suite, "variants": variants}
    ours = variants["ours_0.1"]["added_cpu_us"]
    theirs = variants["usual" if "usual" in variants else "otel_0.1"]["added_cpu_us"]
    return {
        "suite": suite,
        "variants": variants,
        "usual_over_ours": round(theirs / ours, 2),
        "promised_us": PROMISED_CLIENT_US if suite == "requests" else PROMISED_US,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--processes", type=int, help="of each variant, one after the other (default: by suite)")
    parser.add_argument("--rounds", type=int, help="of each process (default: by suite)")
    parser.add_argument("--requests", type=int, default=2000, help="of each round")
    parser.add_argument("--suites", default="flask,fastapi,requests,admin")
    parser.add_argument("--quick", action="store_true", help="a first impression in a minute")
    options = parser.parse_args()
    if options.quick:
        options.processes, options.rounds, options.requests = 2, 2, 1000
    sink = subprocess.Popen(
        [sys.executable, str(HERE / "sink.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert sink.stdout is not None
    os.sched_setaffinity(sink.pid, CORES[1:] or CORES)
    address = f"http://127.0.0.1:{sink.stdout.readline().strip()}"
    try:
        results = []
        for suite in options.suites.split(","):
            results.append(summary(suite, measure(suite, address, options)))
            print(json.dumps(results[-1]), flush=True)
    finally:
        sink.communicate("")
    flask = next((result for result in results if result["suite"] == "flask"), results[0])
    others = {str(result["suite"]): result for result in results if result is not flask}
    print(json.dumps({"bench": "overhead", **flask, "others": others}))


if __name__ == "__main__":
    main()
