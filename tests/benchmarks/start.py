"""How long things take to start: `spanwise --help`, `import spanwise`, and a collector until its first page.

Prints one JSON object: medians in seconds of `ROUNDS` cold processes each, and the promise beside each. With `--spans`
it also fills a store (10 million take minutes), and times a collector on it until it is ready, and from SIGTERM under
load to its end.

    python -m tests.benchmarks.start [--spans 10000000 [--keep FOLDER]]
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
FILL_MEMORY_BYTES = 2_000_000_000
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


def fill(folder: Path, spans: int) -> None:
    """Puts so many spans into the store of `folder`, which may hold some of them already from a run before."""
    from spanwise_collector.store import Store, insert
    from tests.benchmarks.intake import Template, request_template

    data = folder / "data"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    here = Path.cwd()
    store = Store("chdb://", data, FILL_MEMORY_BYTES)
    store.open()
    client = store.client()
    done = client.query("SELECT count() FROM spans").result_rows[0][0]
    rng = random.Random(done)
    templates = [Template(request_template(SPANS_PER_REQUEST, rng)) for _ in range(REQUESTS_PER_INSERT)]
    while done + SPANS_PER_REQUEST * REQUESTS_PER_INSERT <= spans:
        insert(client, b"".join(template.fresh(rng) for template in templates), f"fill {done}")
        done += SPANS_PER_REQUEST * REQUESTS_PER_INSERT
    client.close()
    store.close()
    os.chdir(here)


def on_full_store(folder: Path) -> dict[str, float]:
    """Seconds of a collector on the store of `folder`: from start to ready, and from SIGTERM after a burst to its end;
    and what the next start left in the spool of that burst.
    """
    from tests.benchmarks.intake import Collector, Template, http_sender, request_template

    began = time.perf_counter()
    collector = Collector(folder)
    ready = time.perf_counter() - began
    rng = random.Random()
    template = Template(request_template(SPANS_PER_REQUEST, rng))
    send = http_sender(collector.address("http"))
    acknowledged = sum(SPANS_PER_REQUEST for _ in range(STOP_REQUESTS) if send(template.fresh(rng)))
    before = collector.metric("spanwise_collector_stored_spans_total")
    began = time.perf_counter()
    collector.stop()
    stop = time.perf_counter() - began
    again = Collector(folder)
    until = time.monotonic() + START_LIMIT_S
    while again.metric("spanwise_collector_spool_waiting_bytes") and time.monotonic() < until:
        time.sleep(0.1)
    left = again.metric("spanwise_collector_spool_waiting_bytes")
    again.stop()
    return {
        "ready_s": round(ready, 2),
        "ready_promise_s": 3.0,
        "stop_s": round(stop, 2),
        "stop_promise_s": 5.0,
        "acknowledged_before_stop": acknowledged,
        "stored_before_stop": before,
        "left_in_spool_bytes": left,
    }


def full_store(folder: Path, spans: int) -> dict[str, float]:
    # In a process of its own: the engine takes one folder a process, and keeps its memory.
    subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.start", "--fill", str(folder), "--spans", str(spans)], check=True
    )
    return {"spans": spans, **on_full_store(folder)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--spans", type=int, default=0, help="also on a store with so many spans")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where that store is, filled up and kept")
    parser.add_argument("--fill", type=Path, metavar="FOLDER", help="only fill it")
    arguments = parser.parse_args()
    if arguments.fill:
        fill(arguments.fill, arguments.spans)
        return
    full: dict[str, float] = {}
    if arguments.keep:
        full = full_store(arguments.keep, arguments.spans)
    elif arguments.spans:
        with tempfile.TemporaryDirectory() as folder:
            full = full_store(Path(folder), arguments.spans)
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
                **({"full_store": full} if full else {}),
            }
        )
    )


if __name__ == "__main__":
    main()
