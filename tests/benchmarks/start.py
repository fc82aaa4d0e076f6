"""How long things take to start: `spanwise --help`, `import spanwise`, and a collector until its first page.

Prints one JSON object: medians in seconds of `ROUNDS` cold processes each, and the promise beside each. With `--spans`
it also fills a store (10 million take minutes), and times a collector on it until it is ready, and from SIGTERM under
load to its end.

    python -m tests.benchmarks.start [--spans 10000000]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROUNDS = 7
COLLECTOR_ROUNDS = 3
SPANWISE = str(Path(sys.executable).with_name("spanwise"))
START_LIMIT_S = 30.0
SPANS_PER_REQUEST = 512
REQUESTS_PER_INSERT = 50
# What is sent just before SIGTERM: some of it is still in the spool then.
STOP_REQUESTS = 40


def run(*command: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def collector_first_page() -> tuple[float, float]:
    """Seconds from `spanwise collector` to its first page, and from SIGTERM to its end."""
    page, otlp, rpc, admin = free_ports(4)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        process = subprocess.Popen(
            [
                SPANWISE,
                "collector",
                "--port",
                str(page),
                "--otlp-port",
                str(otlp),
                "--grpc-port",
                str(rpc),
                "--admin-port",
                str(admin),
                "--data",
                folder,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OTEL_SERVICE_NAME": ""},
        )
        try:
            while not answers(f"http://127.0.0.1:{page}/"):
                if time.perf_counter() - began > START_LIMIT_S or process.poll() is not None:
                    raise SystemExit("the collector did not come up")
                time.sleep(0.01)
            up = time.perf_counter() - began
            stopping = time.perf_counter()
            process.send_signal(signal.SIGTERM)
            process.wait(START_LIMIT_S)
            return up, time.perf_counter() - stopping
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def median(measure: Callable[[], float], rounds: int = ROUNDS) -> float:
    measure()  # the first run reads everything from disk
    return round(statistics.median(measure() for _ in range(rounds)), 3)


def full_store(spans: int) -> dict[str, float]:
    """Seconds of a collector on so many stored spans: from start to ready, and from SIGTERM after a burst to its end;
    and what the next start left in the spool of that burst.
    """
    from spanwise_collector.store import Store, insert
    from tests.benchmarks.intake import Collector, Template, http_sender, request_template

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        here = Path.cwd()
        store = Store("chdb://", data, 2_000_000_000)
        store.open()
        client = store.client()
        rng = random.Random(1)
        templates = [Template(request_template(SPANS_PER_REQUEST, rng)) for _ in range(REQUESTS_PER_INSERT)]
        for number in range(max(spans // (SPANS_PER_REQUEST * REQUESTS_PER_INSERT), 1)):
            insert(client, b"".join(template.fresh(rng) for template in templates), f"fill {number}")
        client.close()
        store.close()
        os.chdir(here)

        began = time.perf_counter()
        collector = Collector(Path(folder))
        ready = time.perf_counter() - began
        send = http_sender(collector.address("http"))
        acknowledged = sum(SPANS_PER_REQUEST for _ in range(STOP_REQUESTS) if send(templates[0].fresh(rng)))
        before = collector.metric("spanwise_collector_stored_spans_total")
        began = time.perf_counter()
        collector.stop()
        stop = time.perf_counter() - began
        again = Collector(Path(folder))
        until = time.monotonic() + START_LIMIT_S
        while again.metric("spanwise_collector_spool_waiting_bytes") and time.monotonic() < until:
            time.sleep(0.1)
        left = again.metric("spanwise_collector_spool_waiting_bytes")
        again.stop()
    return {
        "spans": spans,
        "ready_s": round(ready, 2),
        "ready_promise_s": 3.0,
        "stop_s": round(stop, 2),
        "stop_promise_s": 5.0,
        "acknowledged_before_stop": acknowledged,
        "stored_before_stop": before,
        "left_in_spool_bytes": left,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--spans", type=int, default=0, help="also on a store with so many spans")
    arguments = parser.parse_args()
    bare = median(lambda: run(sys.executable, "-c", "pass"))
    starts = [collector_first_page() for _ in range(COLLECTOR_ROUNDS + 1)][1:]
    print(
        json.dumps(
            {
                "bench": "start",
                "python_s": bare,
                "help_s": {"median": median(lambda: run(SPANWISE, "--help")), "promise": 0.4},
                "import_spanwise_s": {
                    "median": round(median(lambda: run(sys.executable, "-c", "import spanwise")) - bare, 3),
                    "promise": 0.15,
                },
                "collector_first_page_s": {
                    "median": round(statistics.median(up for up, _ in starts), 3),
                    "promise": 2.0,
                },
                "collector_stop_s": {"median": round(statistics.median(stop for _, stop in starts), 3), "promise": 5.0},
                **({"full_store": full_store(arguments.spans)} if arguments.spans else {}),
            }
        )
    )


if __name__ == "__main__":
    main()
