"""What the exporter and the scrape do to the slowest requests, and what busy threads do to the exporter and the scrape.

Interleaved rounds of separate processes: idle (neither exporter nor scrape), ours, and OpenTelemetry's
BatchSpanProcessor with its OTLP exporter beside prometheus-client's generate_latest. Medians over rounds, of which the
slowest requests need more: a virtual machine's own pauses are as long as what is looked for.

    python tail.py [--rounds 3] [--latency-rounds 7] [--seconds 5] [--quick]

Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BUSY_THREADS = (0, 1, 4)


def run(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(HERE / "tail_worker.py"), *arguments], check=True, capture_output=True, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def medians(rounds: list[dict[str, Any]]) -> dict[str, float]:
    return {key: round(statistics.median(one[key] for one in rounds), 3) for key in rounds[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3, help="of each variant beside busy threads")
    parser.add_argument("--latency-rounds", type=int, default=7, help="of each variant's slowest requests")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--quick", action="store_true", help="a first impression in half a minute")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.latency_rounds, options.seconds = 1, 1, 2.0
    sink = subprocess.Popen(
        [sys.executable, str(HERE / "sink.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert sink.stdout is not None
    address = f"http://127.0.0.1:{sink.stdout.readline().strip()}"
    seconds = str(options.seconds)
    latency: dict[str, list[dict[str, Any]]] = {"idle": [], "ours": [], "otel": []}
    beside: dict[str, list[dict[str, Any]]] = {f"{v}_{n}": [] for v in ("ours", "otel") for n in BUSY_THREADS}
    try:
        for _ in range(options.latency_rounds):
            for variant in random.sample(list(latency), len(latency)):
                latency[variant].append(run("latency", variant, address, seconds))
        for _ in range(options.rounds):
            for name in random.sample(list(beside), len(beside)):
                variant, threads = name.split("_")
                beside[name].append(run("throughput", variant, address, seconds, threads))
    finally:
        sink.communicate("")
    requests = {variant: medians(rounds) for variant, rounds in latency.items()}
    over_idle = {
        share: {v: round(requests[v][f"{share}_ms"] / requests["idle"][f"{share}_ms"], 2) for v in ("ours", "otel")}
        for share in ("p99", "p999")
    }
    print(
        json.dumps(
            {
                "bench": "tail",
                "latency": requests,
                "p99_over_idle": over_idle["p99"],
                "p999_over_idle": over_idle["p999"],
                "beside_busy_threads": {name: medians(rounds) for name, rounds in beside.items()},
                "promised": {"ours_p99_over_idle": 1.5, "ours_4_spans_per_s": 5000, "ours_4_scrape_s": 2.0},
            }
        )
    )


if __name__ == "__main__":
    main()
