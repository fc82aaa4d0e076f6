"""`spanwise collector check`: what is whole, what is not, and what it will not touch."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from spanwise_collector.spool import Spool, survey
from spanwise_collector.store import Store, check_tables, delete_trace, insert
from spanwise_collector.store._migrations import migrate
from tests.collector.conftest import CollectorFactory
from tests.collector.otlp_requests import new_trace_id, payload, span
from tests.collector.running_collector import COMMAND


def check(data: Path) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, "collector", "check", "--data", str(data)], capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_a_whole_folder_a_used_one_and_a_damaged_one(new_collector: CollectorFactory, tmp_path: Path) -> None:
    running = new_collector().start()
    trace_id = new_trace_id()
    running.send(payload(span(trace_id=trace_id)))
    running.trace(trace_id)
    code, told = check(running.data)
    assert code == 2
    assert f"pid {running.pid}" in told
    running.stop()
    code, told = check(running.data)
    assert code == 0, told
    assert "store: trace_spans: whole" in told
    assert "store: pinned_spans: whole" in told
    assert re.search(
        r"ok +store: spans: (\d+) in spans, \1 in trace_spans, \1 in traces, \1 in red_minutes, \1 in service_minutes",
        told,
    )

    spool = Spool(running.data / "spool", 10**7)
    spool.open()
    for _ in range(2):
        spool.append(payload(span()), 1)
    spool.close()
    newest = max((running.data / "spool").glob("*.segment"))
    data = bytearray(newest.read_bytes())
    data[60] ^= 1
    newest.write_bytes(data)
    code, told = check(running.data)
    assert code == 1
    assert "DAMAGED spool:" in told
    assert newest.read_bytes() == data, "it mends nothing"
    assert sum(segment.damaged_bytes for segment in survey(running.data / "spool")) > 0


def test_no_folder(tmp_path: Path) -> None:
    code, told = check(tmp_path / "none")
    assert code == 2
    assert "there is no data folder" in told
    assert not (tmp_path / "none").exists()


def test_a_deleted_trace_is_no_damage(store: Store) -> None:
    client = store.client()
    client.command("CREATE DATABASE checked")
    try:
        migrate(client, "checked")
        gone, kept = new_trace_id(), new_trace_id()
        insert(client, payload(span(trace_id=gone), span(trace_id=kept)), gone)
        delete_trace(client, gone)
        told = dict(reversed(line) for line in check_tables(client))
        assert told["store: spans: 1 in spans, 1 in trace_spans, 1 in traces, 2 in red_minutes, 2 in service_minutes"]
        client.command("ALTER TABLE spans DELETE WHERE 1 SETTINGS mutations_sync = 2")
        told = dict(reversed(line) for line in check_tables(client))
        assert not told[
            "store: spans: 0 in spans, 1 in trace_spans, 1 in traces, 2 in red_minutes, 2 in service_minutes"
        ]
    finally:
        client.command("DROP DATABASE checked")
        client.close()
