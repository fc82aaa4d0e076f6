"""Each fault that `/admin/why` knows is staged for real, named there as somebody on call would read it, and shown by
the page that it links."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spanwise.diagnosis.garbage import watch_collections
from spanwise.diagnosis.recorder import Recorder
from spanwise.health import Check, Kind
from tests.instrument import staged
from tests.instrument.admin.conftest import until

NOT_THROTTLED = "nr_periods 100\nnr_throttled 0\nthrottled_usec 0\n"


@pytest.fixture
def recorder(registry: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Looks at simulated files of the control group, and only when a test says so."""
    (tmp_path / "cpu.stat").write_text(NOT_THROTTLED)
    recorder = Recorder(registry, tmp_path)
    watch_collections()
    monkeypatch.setattr("spanwise.admin.builtin.why.recorder_of", lambda registry: recorder)
    recorder.record()
    yield recorder
    recorder.stop()


def why(admin: Any) -> str:
    """The first line, which is the worst; every page that it leads to is there."""
    data = json.loads(admin.fetch("/admin/why", accept="application/json").text)
    for finding in data["findings"]:
        for href in finding["evidence"]:
            assert admin.fetch(href.partition("?")[0]).status in (200, 503)
    return str(admin.fetch("/admin/why").text.splitlines()[0])


def test_a_loop_blocked_by_sleep(admin: Any, recorder: Recorder) -> None:
    with staged.blocked_loop():
        line, tasks = why(admin), admin.fetch("/admin/tasks").text
    assert line.startswith("The event loop in loop is blocked by ")
    assert "in blocks `time.sleep(0.8)" in line
    assert tasks.startswith("The event loop is BLOCKED by ") and "in blocks" in tasks


def test_a_deadlock_of_two_tracked_locks(admin: Any, recorder: Recorder) -> None:
    with staged.deadlock():
        line, page = why(admin), admin.fetch("/admin/contention").text
    assert line.startswith("Deadlock: ") and "transfer-1" in line and "transfer-2" in line
    assert page.startswith("DEADLOCKS:\n\n") and "transfer-1 -> transfer-2" in page


def test_an_exhausted_thread_pool(admin: Any, recorder: Recorder) -> None:
    with staged.exhausted_pool():
        line, page = why(admin), admin.fetch("/admin/threads").text
    assert line.startswith("Thread pool payments is exhausted: all 3 threads are busy, 2 jobs waiting; 3 of them at ")
    assert re.search(r"in charge, calling (Event\.)?wait", line)  # Python 3.10 does not know the class
    assert page.count('"payments_') == 3


def test_a_gc_storm(admin: Any, recorder: Recorder) -> None:
    with staged.garbage_storm():
        line, page = why(admin), admin.fetch("/admin/gc").text
    assert line.startswith("Garbage collection takes ") and "full collections" in line
    assert " ms, generation 2, " in page or " s, generation 2, " in page


def test_a_throttled_control_group(admin: Any, recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("nr_periods 200\nnr_throttled 31\nthrottled_usec 4200000\n")
    line = why(admin)
    assert line.startswith("The control group throttles the processor: held back in 31% of the periods of the last ")
    page = admin.fetch("/admin/why", accept="text/html").text
    assert "4.2 s in total" in page and 'href="/admin/flamegraph"' in page


def test_a_failing_readiness_check(admin: Any, recorder: Recorder) -> None:
    def database() -> None:
        raise ConnectionError("postgres://user:secret@db")

    admin.process.health.add(Check("database", Kind.READINESS, database, 1.0, 10.0))
    admin.process.health.start()
    until(lambda: admin.process.health.results(Kind.READINESS)[0].fault, 10)
    assert why(admin).startswith("Readiness check 'database' is failing: ConnectionError")
    page = admin.fetch("/readyz?verbose")
    assert page.status == 503 and "[-]database failing: ConnectionError" in page.text
    assert "secret" not in page.text + admin.fetch("/admin/why").text


def test_an_exporter_that_drops_spans(admin: Any, recorder: Recorder, registry: Any) -> None:
    with staged.dropping_exporter(registry):
        line, metrics = why(admin), admin.fetch("/admin/metrics.json?pretty=true").text
    assert line.startswith("The exporter drops spans: ") and "queue full" in line
    assert '"otel_sdk_exporter_span_dropped_total/queue_full": ' in metrics


def test_nothing_is_wrong(admin: Any, recorder: Recorder) -> None:
    assert why(admin) == "Nothing is wrong that can be seen from here."
