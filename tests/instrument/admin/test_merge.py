"""Answers of several workers as one, also where some of them fail."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanwise.admin.server import make_application
from spanwise.diagnosis import log_lines
from spanwise.diagnosis.log_lines import LogLine
from spanwise.workers import Answered, Asked, ChannelError, Sibling
from spanwise.workers.pages import answer
from tests.instrument.admin.conftest import settings_with
from tests.instrument.admin.test_security import ask

WELL, BROKEN, SILENT = 11, 12, 13


@dataclass
class Group:
    """Three workers: this process's own pages answer for each, unless something is wrong with one."""

    process: Any
    wrong: dict[int, str]

    def siblings(self) -> list[Sibling]:
        return [Sibling(pid, pid - 10, 5.0, Path("/none"), pid == WELL) for pid in (WELL, BROKEN, SILENT)]

    def ask(self, pid: int, asked: Asked, timeout_s: float) -> Answered:
        wrong = self.wrong.get(pid)
        if wrong == "silent":
            raise ChannelError("nothing came in time")
        if wrong == "late":
            time.sleep(timeout_s + 5)
        if wrong == "broken":
            return Answered(500, (), "text/plain", b"/admin/x failed: ValueError.\n")
        return answer(self.process, asked)


@pytest.fixture
def group(registry: Any, health: Any, make_admin: Any) -> Any:
    def make(**wrong: str) -> Any:
        process = make_admin().process
        pids = {"broken": BROKEN, "silent": SILENT, "well": WELL}
        workers = Group(process, {pids[name]: what for name, what in wrong.items()})
        return make_application(replace(process, workers=lambda: workers), settings_with())

    return make


def data(application: Any, path: str, **query: str) -> tuple[int, Any]:
    given = {"worker": ["all"], **{name: [value] for name, value in query.items()}}
    response = ask(application, path, query=given, accept="application/json")
    return response.status, json.loads(response.body) if "json" in response.content_type else response.body.decode()


def test_who_does_not_answer_is_named_and_the_others_are_shown(group: Any) -> None:
    application = group(broken="broken", silent="silent")
    status, found = data(application, "/admin/threads.json")
    assert status == 200
    assert {each["worker"] for each in found["threads"].values()} == {WELL}
    assert found["failed_workers"] == {
        str(BROKEN): "500 /admin/x failed: ValueError.",
        str(SILENT): "502 worker 13 did not answer: ChannelError",
    }
    text = ask(application, "/admin/requests", query={"worker": ["all"]}).body.decode()
    assert text.startswith("worker 12 has not answered: 500 ")
    page = ask(application, "/admin/threads", query={"worker": ["all"]}, accept="text/html").body.decode()
    assert "<li>worker 12: 500 " in page and "Worker 11" in page


def test_where_nobody_answers_the_first_one_s_refusal_is_the_answer(group: Any) -> None:
    application = group(well="broken", broken="silent", silent="silent")
    assert data(application, "/admin/why") == (500, "/admin/x failed: ValueError.\n")


def test_equal_findings_are_said_once_with_who_says_them(group: Any) -> None:
    application = group()
    application.process.health.lifecycle.drain()
    status, found = data(application, "/admin/why")
    # A busy machine may have more to say.
    [finding] = [each for each in found["findings"] if each["kind"] == "draining"]
    assert (status, finding["workers"]) == (200, [WELL, BROKEN, SILENT])
    text = ask(application, "/admin/why", query={"worker": ["all"]}).body.decode()
    assert "The service is draining: it takes no new requests. (workers 11, 12, 13)\n" in text


def test_a_browser_gets_pages_and_the_evidence_of_the_worker_that_says_it(group: Any) -> None:
    application = group()
    application.process.health.lifecycle.drain()

    def page(path: str) -> str:
        response = ask(application, path, query={"worker": ["all"]}, accept="text/html")
        assert response.status == 200
        return str(response.body.decode())

    assert "(workers 11, 12, 13)" in page("/admin/why") and 'href="/readyz?worker=11"' in page("/admin/why")
    log_lines._lines.clear()  # of what others logged
    log_lines._lines.append(LogLine(1_700_000_000.0, 40, "app", "<b>", "", "app.py:3", ""))
    assert page("/admin/logs").count("&lt;b&gt;") == 3
    for path in ("/admin/requests", "/admin/exchanges"):
        assert "<h1" in page(path)


def test_workers_that_do_not_answer_are_in_the_list_of_workers(group: Any) -> None:
    application = group(silent="silent")
    found = json.loads(ask(application, "/admin/workers", accept="application/json").body)
    assert [(each["pid"], each["owner"]) for each in found["workers"]] == [(WELL, True), (BROKEN, False)]
    assert found["failed_workers"] == {str(SILENT): "502 worker 13 did not answer: ChannelError"}
    assert "<td colspan" in ask(application, "/admin/workers", accept="text/html").body.decode()


def test_a_wrong_parameter_is_said_before_anybody_is_asked(group: Any) -> None:
    status, text = data(group(), "/admin/pprof/profile", seconds="301")
    assert (status, "not a number from 0 to 300" in text) == (400, True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(worker=st.one_of(st.text(max_size=30), st.integers().map(str), st.sampled_from(["all", "11", "９", "", "1e9"])))
def test_any_worker_is_one_or_none(group: Any, worker: str) -> None:
    response = ask(group(), "/admin/ping", query={"worker": [worker]})
    assert response.status in (200, 400)
