"""Starting and stopping, as a user does it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.collector.conftest import CollectorFactory
from tests.collector.otlp_requests import new_trace_id, payload, span
from tests.collector.running_collector import RunningCollector, fetch, wait_for


def refusal(new_collector: CollectorFactory, *flags: str, **environ: str) -> str:
    """The line with which it ends at once."""
    running = new_collector(*flags, **environ)
    process = running.spawn()
    assert process.wait(20) == 2
    lines = [line for line in running.log.splitlines() if line.startswith("spanwise collector: ")]
    assert len(lines) == 1, running.log
    assert "Traceback" not in running.log
    return lines[0]


def test_the_first_page_answers_soon_and_says_when_it_is_not_ready(new_collector: CollectorFactory) -> None:
    running = new_collector()
    began = time.monotonic()
    running.start()
    assert time.monotonic() - began < 15, "a bound, not a speed; the promise is 2 s to the first page"
    page = fetch(f"{running.url}/")
    assert page.status == 200
    assert b"<html" in page.body
    assert running.get("/health").json == {"status": "ok"}
    assert running.get("/readyz").json == {"status": "ready"}
    assert running.get("/ready").body == b"ready\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_five_seconds_and_loses_nothing(new_collector: CollectorFactory, number: int) -> None:
    running = new_collector().start()
    trace_ids = [new_trace_id() for _ in range(20)]
    for trace_id in trace_ids:
        assert running.send(payload(span(trace_id=trace_id))).status == 200
    assert running.stop(number, timeout_s=10) == 0
    assert "Traceback" not in running.log
    running.start()
    for trace_id in trace_ids:
        assert len(running.trace(trace_id)["spans"]) == 1


def test_a_second_process_is_refused_and_told_who_has_the_folder(new_collector: CollectorFactory) -> None:
    first = new_collector().start()
    line = refusal(new_collector)
    assert f"pid {first.pid}" in line
    assert first.url in line
    assert "--data" in line
    assert first.get("/health").status == 200


@pytest.mark.parametrize("flag", ["--port", "--otlp-port", "--grpc-port"])
def test_a_port_in_use_is_one_line_with_its_holder_and_flag(new_collector: CollectorFactory, flag: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        line = refusal(new_collector, flag, str(port))
    assert f"port {port} is in use by " in line
    assert "pid" in line
    assert line.endswith(flag)


@pytest.mark.parametrize(
    "environ", [{}, {"SPANWISE_COLLECTOR_READ_TOKEN": "r"}, {"SPANWISE_COLLECTOR_WRITE_TOKEN": "w"}]
)
def test_another_address_needs_both_tokens(new_collector: CollectorFactory, environ: dict[str, str]) -> None:
    line = refusal(new_collector, "--host", "0.0.0.0", **environ)
    assert "--no-auth" in line
    assert "SPANWISE_COLLECTOR_READ_TOKEN" in line


@pytest.mark.parametrize(
    "allowed",
    [
        {"flags": ("--no-auth",)},
        {"environ": {"SPANWISE_COLLECTOR_READ_TOKEN": "r", "SPANWISE_COLLECTOR_WRITE_TOKEN": "w"}},
    ],
)
def test_another_address_with_tokens_or_no_auth_starts(
    new_collector: CollectorFactory, allowed: dict[str, object]
) -> None:
    # 127.0.0.2 would do, but it is loopback too; all addresses are bound for the moment of this test.
    running = new_collector("--host", "0.0.0.0", *allowed.get("flags", ()), **allowed.get("environ", {}))  # type: ignore[misc]
    running.start()
    local = running.url.replace("0.0.0.0", "127.0.0.1")
    expected = 200 if "flags" in allowed else 401
    assert fetch(f"{local}/api/spanwise/services").status == expected
    if expected == 401:
        assert fetch(f"{local}/api/spanwise/services", authorization="Bearer r").status == 200
        assert fetch(f"{local}/v1/traces", "POST", b"", content_type="application/x-protobuf").status == 401


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--store", "mysql://x"), "mysql:// is not known"),
        (("--store", "chdb:///somewhere"), "--data"),
        (("--retention", "soon"), "--retention='soon' is not a duration"),
        (("--memory", "1MB"), "out of range"),
        (("--sampling-file", "/nonexistent.json"), "--sampling-file"),
        (("--read-token-file", "/nonexistent"), "token file"),
    ],
)
def test_a_wrong_setting_is_one_line(new_collector: CollectorFactory, flags: tuple[str, ...], told: str) -> None:
    assert told in refusal(new_collector, *flags)


def test_a_folder_written_by_a_later_version_is_refused(new_collector: CollectorFactory) -> None:
    running = new_collector().start()
    running.stop()
    script = (
        "import sys; from pathlib import Path; from spanwise_collector.store import Store\n"
        "store = Store('chdb://', Path(sys.argv[1]), 512_000_000); store.open(); client = store.client()\n"
        "client.command(\"INSERT INTO schema_history (version, name) VALUES (9999, 'later')\")\n"
        "client.close(); store.close()\n"
    )
    subprocess.run([sys.executable, "-c", script, str(running.data)], check=True, timeout=60)
    assert "later version" in refusal(new_collector)


def test_while_the_store_is_away_pages_answer_spans_wait_and_readiness_says_why(
    new_collector: CollectorFactory,
) -> None:
    running = new_collector("--store", "clickhouse://127.0.0.1:9/nobody")
    process = running.spawn()
    lock = running.data / "collector.lock"
    wait_for(lambda: process.poll() is None and lock.exists() and "otlp_url" in lock.read_text(), 30, "the address")
    import json

    facts = json.loads(lock.read_text())
    running.url, running.otlp_url = facts["url"], facts["otlp_url"]
    assert fetch(f"{running.url}/").status == 200
    assert running.send(payload(span())).status == 200
    ready = wait_for(lambda: _away(running), 30, "the reason")
    assert "store" in ready["problems"]
    answer = running.get("/api/spanwise/services")
    assert answer.status == 503
    assert answer.headers["Retry-After"]
    assert "store is not open" in answer.json["error"]
    assert running.stop() == 0


def _away(running: RunningCollector) -> dict[str, dict[str, str]] | None:
    answer = running.get("/readyz")
    assert answer.status == 503
    return answer.json if "being opened" not in answer.body.decode() else None


def test_nothing_is_left_running_and_nothing_outside_the_folder(
    new_collector: CollectorFactory, tmp_path: Path
) -> None:
    running = new_collector().start()
    running.send(payload(span()))
    running.stop()
    assert {path.name for path in tmp_path.iterdir()} == {"data", "data.log"}
    new_collector(data=tmp_path / "other").start()  # the ports and the machine are free again
