"""How long things take to start: `spanwise --help`, `import spanwise`, and a collector until its first page.

Prints one JSON object: medians in seconds of `ROUNDS` cold processes each, and the promise beside each.
"""

from __future__ import annotations

import json
import os
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


def main() -> None:
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
            }
        )
    )


if __name__ == "__main__":
    main()
