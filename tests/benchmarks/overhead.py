"""What instrumentation adds to a request: ours beside what people use today, everything exporting for real.

Each variant is a process of its own that is told how many requests to run; rounds are interleaved in random order, so
that a slow moment of the machine hits all alike. A round's cost is the CPU time of the whole process, exporter threads
included, until everything is sent (encoded, compressed, posted) to a sink in another process. `added_cpu_us` is the
median over rounds of the difference to the bare variant of the same round, `x_bare` of the ratio.

    python overhead.py [--rounds 25] [--requests 1000] [--suites flask,fastapi,requests]

Prints a line of JSON for each suite and, last, one object with all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
RATES = ("0", "0.1", "1.0")
SUITES = {
    "flask": ["bare", *(f"ours_{r}" for r in RATES), *(f"otel_{r}" for r in RATES), "promflask", "usual"],
    "fastapi": ["bare", *(f"ours_{r}" for r in RATES), *(f"otel_{r}" for r in RATES), "promfastapi", "usual"],
    "requests": ["bare", *(f"ours_{r}" for r in RATES), *(f"otel_{r}" for r in RATES)],
}
PROMISED_US = {"ours_0": 25, "ours_0.1": 30, "ours_1.0": 90}


class Worker:
    """One variant's process."""

    def __init__(self, suite: str, variant: str, sink: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANWISE_"))}
        environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = sink
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "overhead_worker.py"), suite, variant, sink],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        assert self.process.stdout is not None
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"the variant {suite}/{variant} did not start")

    def run(self, requests: int) -> float:
        """Microseconds of CPU time a request."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{requests}\n")
        self.process.stdin.flush()
        return float(json.loads(self.process.stdout.readline())) / requests * 1e6

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


def measure(suite: str, sink: str, rounds: int, requests: int) -> dict[str, dict[str, float]]:
    variants = SUITES[suite]
    workers = {variant: Worker(suite, variant, sink) for variant in variants}
    samples: dict[str, list[float]] = {variant: [] for variant in variants}
    try:
        for _ in range(rounds):
            for variant in random.sample(variants, len(variants)):
                samples[variant].append(workers[variant].run(requests))
    finally:
        for worker in workers.values():
            worker.stop()
    bare = samples["bare"]
    return {
        variant: {
            "cpu_us": round(statistics.median(taken), 1),
            "added_cpu_us": round(statistics.median(a - b for a, b in zip(taken, bare, strict=True)), 1),
            "x_bare": round(statistics.median(a / b for a, b in zip(taken, bare, strict=True)), 2),
        }
        for variant, taken in samples.items()
    }


def summary(suite: str, variants: dict[str, dict[str, float]]) -> dict[str, object]:
    ours = variants["ours_0.1"]["added_cpu_us"]
    theirs = variants["usual" if "usual" in variants else "otel_0.1"]["added_cpu_us"]
    result: dict[str, object] = {"suite": suite, "variants": variants, "usual_over_ours": round(theirs / ours, 2)}
    if suite == "flask":
        result["promised_us"] = PROMISED_US
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--suites", default="flask,fastapi,requests")
    options = parser.parse_args()
    sink = subprocess.Popen(
        [sys.executable, str(HERE / "sink.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert sink.stdout is not None
    address = f"http://127.0.0.1:{sink.stdout.readline().strip()}"
    try:
        results = []
        for suite in options.suites.split(","):
            results.append(summary(suite, measure(suite, address, options.rounds, options.requests)))
            print(json.dumps(results[-1]), flush=True)
    finally:
        sink.communicate("")
    flask = next((result for result in results if result["suite"] == "flask"), results[0])
    others = {str(result["suite"]): result for result in results if result is not flask}
    print(json.dumps({"bench": "overhead", **flask, "others": others}))


if __name__ == "__main__":
    main()
