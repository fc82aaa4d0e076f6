"""Threads, locks, tasks, requests, exceptions, collections and the verdict, as scripts and browsers get them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spanwise.diagnosis.exceptions import EXCEPTIONS
from spanwise.diagnosis.recorder import Recorder
from spanwise.event_loop import Block, loop_watch
from spanwise.health import Check, Kind
from spanwise.http.wsgi import WSGIMiddleware
from tests.instrument import staged
from tests.instrument.pipeline import Pipeline

PAGES = ("threads", "contention", "tasks", "requests", "exceptions", "gc", "why", "flamegraph")
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def recorder(admin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Of a control group without limits, whatever this machine's is, and only looking when it is asked."""
    recorder = Recorder(admin.process.registry, tmp_path)
    monkeypatch.setattr("spanwise.admin.builtin.why.recorder_of", lambda registry: recorder)
    return recorder


@pytest.mark.parametrize("name", PAGES)
def test_scripts_get_text_and_browsers_a_page(admin: Any, name: str) -> None:
    text = admin.fetch(f"/admin/{name}")
    assert text.status == 200
    assert text.headers["content-type"] == "text/plain;charset=UTF-8"
    page = admin.fetch(f"/admin/{name}", accept="text/html")
    assert page.status == 200
    assert "<h1" in page.text
    assert "style=" not in page.text  # the content security policy forbids it
    assert admin.fetch(f"/admin/{name}", x_forwarded_for="10.0.0.1").status == 401


@pytest.fixture
def deadlock() -> Iterator[None]:
    with staged.deadlock(f"transfer {HOSTILE}"):
        yield


def test_threads_json_has_twitter_servers_shape_and_more(admin: Any, deadlock: None) -> None:
    data = json.loads(admin.fetch("/admin/threads.json").text)
    assert set(data) == {"threads", "deadlocks"}
    entry = next(each for each in data["threads"].values() if each["thread"] == "transfer-2")
    assert set(entry) == {
        "thread",
        "daemon",
        "state",
        "priority",
        "stack",
        "idle",
        "native_id",
        "cpu_ms",
        "waiting_on",
        "lock_owner",
        "task",
    }
    assert (entry["daemon"], entry["state"], entry["priority"], entry["idle"]) == (False, "BLOCKED", 5, False)
    assert entry["stack"][0].endswith(")")
    assert "transfer(" in entry["stack"][0]
    (circle,) = data["deadlocks"]
    assert {data["threads"][ident]["thread"] for ident in circle} == {f"transfer {HOSTILE}", "transfer-2"}
    assert entry["lock_owner"] in circle


def test_contention_in_twitter_servers_blocks(admin: Any, deadlock: None) -> None:
    text = admin.fetch("/admin/contention").text
    assert text.startswith("DEADLOCKS:\n\n")
    head, _, rest = text.partition("\n\nBlocked:\n")
    assert "transfer-2 -> " in head or head.endswith("transfer-2")
    blocked, _, owners = rest.partition("\n\nLock Owners:\n")
    assert '"transfer-2" waits for <TrackedLock' in blocked
    assert "transfer-2 holds <TrackedLock" in owners


def test_without_locks_the_blocks_are_empty_and_it_says_why(admin: Any) -> None:
    text = admin.fetch("/admin/contention").text
    assert text.startswith("Blocked:\n")
    assert "Call spanwise.track_locks() at start" in text


def test_names_are_escaped(admin: Any, deadlock: None) -> None:
    for name in ("threads", "contention", "why"):
        page = admin.fetch(f"/admin/{name}", accept="text/html").text
        assert HOSTILE not in page
        assert "&lt;script&gt;" in page


def test_why_answers_in_one_line_with_evidence(admin: Any, deadlock: None) -> None:
    answer = admin.fetch("/admin/why")
    assert answer.text.startswith("Deadlock: ")
    data = json.loads(admin.fetch("/admin/why", accept="application/json").text)
    assert data["well"] is False
    assert data["verdict"] == data["findings"][0]["text"]
    assert data["findings"][0]["evidence"] == ["/admin/contention", "/admin/threads"]
    for finding in data["findings"]:
        for href in finding["evidence"]:
            assert admin.fetch(href.partition("?")[0]).status == 200


def test_why_when_all_is_well_and_with_a_failing_check(admin: Any) -> None:
    assert admin.fetch("/admin/why").text == "Nothing is wrong that can be seen from here.\n"
    admin.process.health.add(Check("database", Kind.READINESS, lambda: False, 1.0, 10.0))
    admin.process.health.start()
    deadline = time.monotonic() + 5
    while admin.process.health.results(Kind.READINESS)[0].fault == "" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert admin.fetch("/admin/why").text.startswith("Readiness check 'database' is failing: returned False")


def test_a_blocked_loop_is_the_headline_of_the_tasks_page(admin: Any) -> None:
    stop, blocking = threading.Event(), threading.Event()

    async def main() -> None:
        await asyncio.sleep(0)
        blocking.set()
        while not stop.is_set():
            time.sleep(0.7)

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="loop")
    thread.start()
    blocking.wait(5)
    began = time.monotonic()
    text = admin.fetch("/admin/tasks").text
    took = time.monotonic() - began
    page = admin.fetch("/admin/tasks", accept="text/html").text
    stop.set()
    thread.join(5)
    assert text.startswith("The event loop is BLOCKED by ")
    assert "main" in text.partition("\n")[0]
    assert took < 2
    assert "banner-danger" in page
    assert "No event loop" in admin.fetch("/admin/tasks").text


def test_requests_and_exceptions(admin: Any) -> None:
    entered, go = threading.Event(), threading.Event()

    def handler(environ: Any, start_response: Any) -> list[bytes]:
        entered.set()
        go.wait(5)
        raise ValueError(HOSTILE)

    pipeline = Pipeline(1.0)
    app = WSGIMiddleware(handler, pipeline.server, pipeline.redaction)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": f"/{HOSTILE}", "SERVER_NAME": "shop", "SERVER_PORT": "80"}

    def serve() -> None:
        with pytest.raises(ValueError):
            app(environ, lambda status, headers, exc_info=None: lambda data: None)

    thread = threading.Thread(target=serve)
    thread.start()
    entered.wait(5)
    (live,) = json.loads(admin.fetch("/admin/requests", accept="application/json").text)["requests"]
    page = admin.fetch("/admin/requests", accept="text/html").text
    go.set()
    thread.join(5)
    assert (live["method"], live["path"], live["sampled"]) == ("GET", f"/{HOSTILE}", True)
    assert len(live["trace_id"]) == 32
    assert HOSTILE not in page
    assert admin.fetch("/admin/requests").text == "0 requests in flight\n"
    newest = json.loads(admin.fetch("/admin/exceptions", accept="application/json").text)["exceptions"][0]
    assert newest["type"] == "ValueError"
    assert newest["last"][-1]["trace_id"] == live["trace_id"]
    assert HOSTILE not in admin.fetch("/admin/exceptions", accept="text/html").text
    assert EXCEPTIONS.groups()[0].count >= 1


def test_collections(admin: Any) -> None:
    data = json.loads(admin.fetch("/admin/gc", accept="application/json").text)
    assert data["enabled"] is True
    assert [row["generation"] for row in data["generations"]] == [0, 1, 2]
    assert "threshold=" in admin.fetch("/admin/gc").text


def test_blocks_that_are_over_are_still_told(admin: Any) -> None:
    watch = loop_watch()
    stack = ("File /app/run.py, line 3, in main\n    run()", f"File /app/views.py, line 41, in pay\n    {HOSTILE}")
    watch.blocks.clear()  # of loops in other tests
    watch.blocks.append(Block(time.time() - 90, stack, 0.8, over=True))
    try:
        text = admin.fetch("/admin/tasks").text
        [block] = json.loads(admin.fetch("/admin/tasks", accept="application/json").text)["blocks"]
        page = admin.fetch("/admin/tasks", accept="text/html").text
    finally:
        watch.blocks.clear()
    assert "Blocked lately:\n800 ms 1 min 30 s ago: " in text
    assert (block["lasted_ms"], block["over"], len(block["stack"])) == (800.0, True, 2)
    assert "views.py:41 in pay" in block["by"]
    assert "Blocked lately" in page and HOSTILE not in page
