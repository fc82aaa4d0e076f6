"""Whether the collector stays as it is: ten minutes of steady spans with readers, and a limit of size that is held.

Starts `spanwise collector` as a user does, with a small `--retention-size`, sends `--rate` spans a second from several
processes, and lets readers search and open traces meanwhile. Every few seconds it notes the collector's memory, the
number of the engine's parts (counted in the folder), the store's bytes and what waits in the spool. The last line of
stdout is JSON: what each was in the middle and at the end, and which promises were kept:

- memory and parts are flat: the last third's mean is within 10 % (parts: 20, or 25 %) of the middle third's
- the store stays within 10 % of its limit once it has reached it: never above, and not cut down to less than half of it
- no request was refused, and the spool is empty at the end

    python -m tests.benchmarks.soak [--seconds 600] [--rate 20000] [--retention-size 400MB]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spanwise.settings import parse_size
from tests.benchmarks.intake import Case, Collector, client

_LOOK_S = 5.0
_READERS = 2
_READ_PAUSE_S = 0.5
_DRAIN_S = 120.0
_FLAT_SHARE = 1.10
_FLAT_PARTS_SHARE = 1.25
_FLAT_PARTS = 20


@dataclass(frozen=True)
class Look:
    """The collector at one moment."""

    at_s: float
    rss_mb: float
    parts: int
    store_mb: float
    waiting_mb: float


def rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS"))


def parts(data: Path) -> int:
    """Folders of parts on disk, those among them that are merged already and about to go."""
    return sum(1 for _ in (data / "store" / "store").glob("*/*/*/checksums.txt"))


def look(collector: Collector, began: float) -> Look:
    return Look(
        round(time.monotonic() - began, 1),
        round(rss_mb(collector.process.pid), 1),
        parts(collector.data),
        round(collector.metric("spanwise_collector_store_bytes") / 1e6, 1),
        round(collector.metric("spanwise_collector_spool_waiting_bytes") / 1e6, 1),
    )


def read(url: str, stopping: threading.Event, answers: list[float]) -> None:
    """Searches, then opens the first trace found, until told to stop; notes how long each took, -1 for an error."""
    while not stopping.wait(_READ_PAUSE_S):
        began = time.perf_counter()
        try:
            with urllib.request.urlopen(f"{url}/api/spanwise/traces?service=checkout&limit=20", timeout=30) as answer:
                found = json.loads(answer.read())["traces"]
            for trace in found[:1]:
                urllib.request.urlopen(f"{url}/api/spanwise/traces/{trace['trace_id']}", timeout=30).close()
            answers.append(time.perf_counter() - began)
        except (urllib.error.URLError, OSError, ValueError, KeyError):
            answers.append(-1.0)


def third(looks: list[Look], number: int, name: str) -> float:
    """The mean of the middle (1) or last (2) third."""
    size = max(len(looks) // 3, 1)
    return statistics.fmean(getattr(one, name) for one in looks[number * size : (number + 1) * size] or looks[-1:])


def _after(looks: list[Look], mb: float) -> list[float]:
    """The store's megabytes from when it first had so many."""
    first = next((number for number, one in enumerate(looks) if one.store_mb >= mb), len(looks))
    return [one.store_mb for one in looks[first:]]


def verdicts(looks: list[Look], limit_mb: float, refused: int) -> dict[str, bool]:
    middle_parts, last_parts = third(looks, 1, "parts"), third(looks, 2, "parts")
    reached = [one.store_mb for one in looks if one.store_mb >= limit_mb * 0.9]
    return {
        "rss_flat": third(looks, 2, "rss_mb") <= third(looks, 1, "rss_mb") * _FLAT_SHARE,
        "parts_flat": last_parts <= max(middle_parts * _FLAT_PARTS_SHARE, middle_parts + _FLAT_PARTS),
        "size_held": max((one.store_mb for one in looks), default=0) <= limit_mb * 1.1
        and min(_after(looks, limit_mb * 0.9), default=limit_mb) >= limit_mb / 2,
        "size_reached": bool(reached),
        "none_refused": refused == 0,
        "drained": looks[-1].waiting_mb == 0,
    }


def soak(seconds: float, rate: int, limit: str) -> dict[str, Any]:
    # Spans of one minute would go all at once.
    case = Case("soak", "http", 512, rate, moving=True)
    with tempfile.TemporaryDirectory() as folder:
        collector = Collector(Path(folder), "--retention-size", limit)
        stopping = threading.Event()
        answers: list[float] = []
        readers = [
            threading.Thread(target=read, args=(collector.facts["url"], stopping, answers)) for _ in range(_READERS)
        ]
        results: Any = multiprocessing.Queue()
        senders = [
            multiprocessing.Process(
                target=client, args=(case, collector.address("http"), number, 2, seconds, 2, results)
            )
            for number in range(2)
        ]
        try:
            for worker in (*senders, *readers):
                worker.start()
            began = time.monotonic()
            looks = []
            while time.monotonic() < began + seconds:
                time.sleep(_LOOK_S)
                looks.append(look(collector, began))
                print(asdict(looks[-1]), file=sys.stderr, flush=True)
            sent = [results.get(timeout=seconds + 120) for _ in senders]
            until = time.monotonic() + _DRAIN_S
            while looks[-1].waiting_mb and time.monotonic() < until:
                time.sleep(_LOOK_S)
                looks.append(look(collector, began))
        finally:
            stopping.set()
            for worker in readers:
                worker.join()
            for process in senders:
                process.join(60)
            collector.stop()
    read_s = sorted(answer for answer in answers if answer >= 0)
    refused = sum(one[1] for one in sent)
    return {
        "spans": sum(one[0] for one in sent) * case.spans,
        "refused_requests": refused,
        "reads": len(read_s),
        "reads_failed": len(answers) - len(read_s),
        "read_p50_ms": round(statistics.median(read_s) * 1000) if read_s else None,
        "limit_mb": parse_size(limit) / 1e6,
        "largest_store_mb": max(one.store_mb for one in looks),
        "middle": {name: round(third(looks, 1, name), 1) for name in ("rss_mb", "parts", "store_mb")},
        "last": {name: round(third(looks, 2, name), 1) for name in ("rss_mb", "parts", "store_mb")},
        "kept": verdicts(looks, parse_size(limit) / 1e6, refused),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rate", type=int, default=20_000, help="spans a second")
    parser.add_argument("--retention-size", default="400MB", help="the limit that must hold")
    arguments = parser.parse_args()
    found = soak(arguments.seconds, arguments.rate, arguments.retention_size)
    print(json.dumps({"benchmark": "soak", "seconds": arguments.seconds, "rate": arguments.rate, **found}))


if __name__ == "__main__":
    main()
