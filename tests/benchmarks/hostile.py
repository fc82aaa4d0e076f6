"""What the worst senders do to a collector and to others, at full size; the tests have a sample of it.

Starts one collector, and beside a sender of honest spans: a gzip bomb of 10 GiB, the worst bodies of legal size twenty
at once, a request dribbled a byte a second, 2,000 idle connections, and random, truncated and changed bodies made by
Hypothesis over HTTP. Each is answered as it should be, memory stays under its cap, and every honest span that was
acknowledged is stored. The last line of stdout is JSON; the exit code is 1 when a promise was broken.

    python -m tests.benchmarks.hostile [--cases 100000] [--bomb-gib 10]
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import http.client
import json
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.collector.running_collector import RunningCollector, wait_for
from tests.collector.test_hostile_input import (
    BODIES,
    RSS_CAP_BYTES,
    Bystander,
    at_once,
    bomb,
    rss_bytes,
    worst_body,
)

_IDLE_CONNECTIONS = 2000
_DRIBBLE_TIMEOUT = "10s"


def gzip_bomb(running: RunningCollector, gib: int) -> dict[str, Any]:
    began = time.perf_counter()
    body = bomb(gib * 2**30)
    made = time.perf_counter()
    status = running.send(body, content_encoding="gzip").status
    return {
        "kept": status == 413,
        "status": status,
        "body_mb": round(len(body) / 1e6, 1),
        "made_s": round(made - began, 1),
        "answered_s": round(time.perf_counter() - made, 2),
    }


def worst_twenty(running: RunningCollector) -> dict[str, Any]:
    statuses = at_once(running, gzip.compress(worst_body(), 1), 20)
    return {"kept": len(statuses) == 20 and set(statuses) <= {400, 503}, "statuses": dict(Counter(statuses))}


def dribble(running: RunningCollector) -> dict[str, Any]:
    """A body of 1 MB at a byte a second: ended with 408 once the time for a request is over."""
    parts = urlsplit(running.otlp_url)
    began = time.perf_counter()
    answer = b""
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as sock:
        sock.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: 1000000\r\n\r\n"
        )
        sock.settimeout(1.0)
        with contextlib.suppress(OSError):
            while not answer and time.perf_counter() - began < 60:
                sock.sendall(b"\x0a")
                with contextlib.suppress(TimeoutError):
                    answer = sock.recv(1000)
    return {"kept": b" 408 " in answer, "after_s": round(time.perf_counter() - began, 1)}


def idle_connections(running: RunningCollector) -> dict[str, Any]:
    """They are let go as others come; somebody who has something to send gets in."""
    parts = urlsplit(running.otlp_url)
    opened: list[socket.socket] = []
    try:
        for _ in range(_IDLE_CONNECTIONS):
            with contextlib.suppress(OSError):
                opened.append(socket.create_connection((parts.hostname, parts.port), timeout=10))
        answers = [running.get("/readyz").status for _ in range(5)]
    finally:
        for sock in opened:
            sock.close()
    return {"kept": set(answers) == {200}, "opened": len(opened), "answers": answers}


def random_bodies(running: RunningCollector, cases: int) -> dict[str, Any]:
    parts = urlsplit(running.otlp_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    statuses: Counter[int] = Counter()
    wrong: list[str] = []

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(body=BODIES, kind=st.sampled_from(["application/x-protobuf", "application/json"]))
    def send(body: bytes, kind: str) -> None:
        connection.request("POST", "/v1/traces", body, {"Content-Type": kind})
        answer = connection.getresponse()
        answer.read()
        statuses[answer.status] += 1
        if answer.status not in (200, 400):
            wrong.append(f"{answer.status} {kind} {body.hex()}")

    send()
    connection.close()
    return {"kept": not wrong, "statuses": dict(statuses), "wrong": wrong[:5]}


def run(cases: int, bomb_gib: int) -> dict[str, Any]:
    attacks: dict[str, Callable[[RunningCollector], dict[str, Any]]] = {
        "gzip_bomb": lambda running: gzip_bomb(running, bomb_gib),
        "worst_bodies_20_at_once": worst_twenty,
        "dribbled_request": dribble,
        "idle_connections": idle_connections,
        "random_bodies": lambda running: random_bodies(running, cases),
    }
    with tempfile.TemporaryDirectory() as folder:
        running = RunningCollector(Path(folder) / "data", "--request-timeout", _DRIBBLE_TIMEOUT).start()
        try:
            found: dict[str, Any] = {}
            with Bystander(running) as bystander:
                for name, attack in attacks.items():
                    found[name] = attack(running)
                    print(name, found[name], file=sys.stderr, flush=True)

            def stored() -> set[str]:
                return {item["span_id"] for item in running.trace(bystander.trace_id)["spans"]}

            with contextlib.suppress(AssertionError):
                wait_for(lambda: stored() >= bystander.acknowledged, 60)
            found["others"] = {
                "kept": stored() == bystander.acknowledged and set(bystander.refused) <= {503},
                "acknowledged": len(bystander.acknowledged),
                "refused": dict(Counter(bystander.refused)),
            }
            peak = rss_bytes(running)
            refused = list((running.data / "spool" / "refused").glob("*.otlp"))
            found["memory"] = {"kept": peak < RSS_CAP_BYTES, "peak_rss_mb": round(peak / 1e6)}
            reasons = [
                f"{path.with_suffix('.txt').read_text()[:200]} {path.read_bytes().hex()}" for path in refused[:3]
            ]
            found["store"] = {"kept": not refused, "set_aside": len(refused), "reasons": reasons}
        finally:
            running.stop()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cases", type=int, default=100_000, help="random bodies")
    parser.add_argument("--bomb-gib", type=int, default=10, help="the bomb's size when inflated")
    arguments = parser.parse_args()
    found = run(arguments.cases, arguments.bomb_gib)
    print(json.dumps({"benchmark": "hostile", "cases": arguments.cases, **found}))
    return 0 if all(one["kept"] for one in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
