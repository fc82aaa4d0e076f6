"""The load generator as a process, against a tiny server and against the store."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from spanwise_samples.load import is_loopback


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    requests: ClassVar[list[tuple[float, str]]] = []
    headers_seen: ClassVar[list[dict[str, str]]] = []
    delay_s = 0.0

    def do_GET(self) -> None:
        self.requests.append((time.monotonic(), self.path))
        self.headers_seen.append(dict(self.headers))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        time.sleep(self.delay_s)
        content = json.dumps({"albums": [], "order_id": 1}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    Handler.requests, Handler.headers_seen, Handler.delay_s = [], [], 0.0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def load(*arguments: str) -> subprocess.Popen[str]:
    command = (sys.executable, "-m", "spanwise_samples.load", *arguments)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str], timeout_s: float = 20) -> tuple[int, Any, str]:
    output, errors = process.communicate(timeout=timeout_s)
    return process.returncode, json.loads(output) if output else None, errors


def test_it_keeps_the_rate_ends_by_itself_and_counts_what_the_server_counted(server: str) -> None:
    code, summary, _ = finished(load("--url", server, "--rate", "60", "--duration", "3s"))
    assert code == 0
    assert 120 < summary["requests"] < 240  # 180 expected, 13 the standard deviation
    assert summary["requests"] == summary["ok"] == len(Handler.requests)
    assert set(summary["by_journey"]) == {"browse", "buy", "search"}
    assert not any("traceparent" in {name.lower() for name in headers} for headers in Handler.headers_seen)


def test_a_slow_server_gets_no_fewer_requests_and_what_finds_no_connection_is_dropped(server: str) -> None:
    Handler.delay_s = 0.5
    arguments = ("--url", server, "--rate", "60", "--duration", "2s", "--in-flight", "4")
    code, summary, _ = finished(load(*arguments))
    assert code == 0
    assert summary["dropped"] > 60
    assert summary["requests"] + summary["dropped"] > 80
    assert summary["latency_ms"]["p50"] >= 500


def test_a_server_that_is_not_there_makes_failures_and_no_stack_trace() -> None:
    code, summary, errors = finished(load("--url", "http://127.0.0.1:9", "--rate", "50", "--duration", "1s"))
    assert code == 0
    assert summary["failed"] == summary["requests"] > 0
    assert errors == ""


def test_progress_is_one_json_object_a_second(server: str) -> None:
    _, _, errors = finished(load("--url", server, "--rate", "20", "--duration", "2500ms", "--progress", "json"))
    lines = [json.loads(line) for line in errors.splitlines()]
    assert len(lines) >= 2
    assert lines[0]["requests"] <= lines[-1]["requests"]


def test_sigterm_ends_it_with_its_summary(server: str) -> None:
    process = load("--url", server, "--rate", "50", "--duration", "60s")
    until = time.monotonic() + 10
    while not Handler.requests and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    code, summary, _ = finished(process, 5)
    assert code == 0
    assert summary["requests"] > 0
    assert summary["elapsed_s"] < 20


def test_another_machine_is_not_loaded_unless_allowed() -> None:
    code, summary, errors = finished(load("--url", "http://192.0.2.1:80", "--duration", "1s"))
    assert (code, summary) == (2, None)
    assert errors.count("\n") == 1
    assert "--allow-remote" in errors


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:80", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:80", True),
        ("http://localhost", True),
        ("http://192.0.2.1", False),
        ("http://localhost.example.org", False),
        ("http://127.0.0.1@example.org", False),
    ],
)
def test_loopback(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback


def test_the_store_serves_the_whole_mix_without_a_failure(store: Any) -> None:
    code, summary, _ = finished(load("--url", store.url("gateway"), "--rate", "40", "--duration", "4s", "--seed", "1"))
    assert code == 0
    assert summary["ok"] == summary["requests"] > 80
    assert min(summary["by_journey"].values()) > 0
