"""`spanwise collector export` and `import`: a range of time as a file, and back, as a user does it."""

from __future__ import annotations

import gzip
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from spanwise_collector.transfer.commands import parse_time
from tests.collector.conftest import CollectorFactory
from tests.collector.otlp_requests import DAY, new_trace_id, payload, span
from tests.collector.running_collector import COMMAND, RunningCollector, wait_for

NOW = 1_790_000_000 * 10**9


def run(*arguments: str | Path, data: Path) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, "collector", *map(str, arguments), "--data", str(data)], capture_output=True, text=True, timeout=120
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def whole_trace(running: RunningCollector, trace_id: str) -> list[Any]:
    """Its spans; an insert reaches its tables one after the other, so resources may come a moment after them."""

    def whole() -> list[Any] | None:
        spans: list[Any] = running.trace(trace_id)["spans"]
        return spans if all(one["resource"]["attributes"] for one in spans) else None

    found: list[Any] = wait_for(whole, what="the trace with its resources")
    return found


@pytest.mark.parametrize("name", ["traces.jsonl.gz", "traces.binpb"])
def test_a_trace_goes_from_one_folder_to_another(new_collector: CollectorFactory, tmp_path: Path, name: str) -> None:
    first = new_collector(data=tmp_path / "first").start()
    trace_id, older = new_trace_id()[:-2] + "00", new_trace_id()
    attributes = {"zero": 0, "false": False, "empty": "", "nested": {"list": [1, "a"]}, "bytes": b"\x00\xff"}
    sent = span(trace_id=trace_id, attributes=attributes, error=True, trace_state="ot=th:8")
    sent.links.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    old = span(trace_id=older, start_ns=time.time_ns() - 2 * DAY)
    first.send(payload(sent, span(trace_id=trace_id), old, service="moved"))
    before = whole_trace(first, trace_id)
    file = tmp_path / name
    code, told = run("export", file, data=first.data)
    assert code == 2
    assert f"pid {first.pid}" in told
    first.stop()

    code, told = run("export", "--from", "1h", file, data=first.data)
    assert code == 0, told
    second = new_collector(data=tmp_path / "second")
    assert run("import", file, data=second.data)[0] == 0
    second.start()
    assert whole_trace(second, trace_id) == before
    assert second.get(f"/api/spanwise/traces/{older}").status == 404
    if name.endswith(".jsonl.gz"):
        lines = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
        ids = {s["traceId"] for line in lines for r in line["resourceSpans"] for s in r["scopeSpans"][0]["spans"]}
        assert trace_id in ids


def test_what_cannot_be_imported(tmp_path: Path) -> None:
    data = tmp_path / "data"
    bad = tmp_path / "bad.binpb"
    whole = payload(span())
    for content in (b"\xff", whole[:-1], b"\x0a\xff\xff\xff\xff\xff\xff"):
        bad.write_bytes(content)
        code, told = run("import", bad, data=data)
        assert code == 2
        assert "damaged or not OTLP" in told
    (tmp_path / "bad.jsonl").write_text("{")
    (tmp_path / "bad.jsonl.gz").write_bytes(gzip.compress(b"{}")[:-4])
    (tmp_path / "old.binpb").write_bytes(payload(span(start_ns=time.time_ns() - 30 * DAY)))
    for name, code, words in (
        ("bad.jsonl", 2, "not JSON"),
        ("bad.jsonl.gz", 2, "not a whole gzip"),
        ("none.binpb", 2, "none.binpb: No such file"),
        ("old.binpb", 1, "0 spans stored, 1 refused"),
    ):
        found = run("import", tmp_path / name, data=data)
        assert (found[0], words in found[1]) == (code, True), found
    assert run("import", data=data)[0] == 2
    assert "one file" in run("export", data=data)[1]
    assert "not before" in run("export", "--from", "1h", "--until", "2h", tmp_path / "a.jsonl", data=data)[1]
    assert not (tmp_path / "a.jsonl").exists()


def test_times() -> None:
    assert parse_time("2h", NOW) == NOW - 7200 * 10**9
    assert parse_time("2026-11-20", NOW) == 1_795_132_800 * 10**9
    assert parse_time("2026-11-20T01:00:00.5+01:00", NOW) == 1_795_132_800 * 10**9 + 500_000_000
    for text in ("yesterday", "2026-11-20T00:00:00", "", "2026-13-01"):
        with pytest.raises(ValueError, match=r"not a time|no time zone"):
            parse_time(text, NOW)
