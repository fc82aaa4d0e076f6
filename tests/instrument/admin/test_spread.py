"""One request for several workers, under a real gunicorn."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from spanwise.admin.commands import admin as command
from tests.instrument.admin.conftest import until
from tests.instrument.admin.test_lifecycle import _admin_port, ask
from tests.instrument.profiling.profile_proto import decode


@pytest.fixture
def port(tmp_path):
    (tmp_path / "app.py").write_text(
        "import logging, spanwise\n"
        "logging.getLogger('spread')\n"
        "def plain(environ, start_response):\n    start_response('200 OK', [])\n    return [b'ok']\n"
        "app = spanwise.instrument(plain, service='guni', admin_port=0, admin_host='127.0.0.1').app\n"
    )
    command = [sys.executable, "-m", "gunicorn", "app:app", "--bind", "127.0.0.1:0", "--workers", "2"]
    environment = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    try:
        port = until(lambda: _admin_port(process.pid), 20)
        until(lambda: len(_everywhere(port, "/admin/ping")) == 2, 20)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _everywhere(port, path):
    status, body = ask(port, f"{path}{'&' if '?' in path else '?'}worker=all")
    # A worker that is still starting knows of no others and answers alone.
    return json.loads(body)["workers"] if status == 200 and body.startswith(b"{") else {}


def _levels(port):
    return {
        pid: each["answer"]["loggers"]["spread"]["configuredLevel"]
        for pid, each in _everywhere(port, "/admin/logging.json?logger=spread").items()
    }


def test_a_change_is_made_in_every_worker_unless_one_is_named(port):
    assert set(_levels(port).values()) == {None}
    assert ask(port, "/admin/logging?logger=spread&level=DEBUG", "POST")[0] == 200
    assert list(_levels(port).values()) == ["DEBUG", "DEBUG"]
    assert ask(port, "/admin/logging?logger=spread&level=null", "POST")[0] == 200
    assert set(_levels(port).values()) == {None}
    first, second = _levels(port)
    assert ask(port, f"/admin/logging?logger=spread&level=INFO&worker={second}", "POST")[0] == 200
    assert _levels(port) == {first: None, second: "INFO"}
    assert ask(port, "/admin/logging?logger=spread&level=LOUD", "POST")[0] == 400


def test_one_worker_is_asked_by_its_process_id(port):
    pids = _everywhere(port, "/admin/ping")
    for pid in pids:
        assert ask(port, f"/admin/ping?worker={pid}") == (200, b"pong")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/admin/ping?worker=all", headers={"X-Forwarded-For": "192.0.2.7"})
    assert connection.getresponse().status == 400
    connection.close()
    status, body = ask(port, "/admin/ping?worker=1")
    assert status == 400
    assert b"There is no such worker" in body


def test_the_workers_are_listed(port):
    pids = set(_everywhere(port, "/admin/ping"))
    text = ask(port, "/admin/workers")[1].decode()
    assert {line.split()[0] for line in text.splitlines()} == pids
    assert text.splitlines()[0].endswith(" owner") and text.count("owner") == 1
    assert text.count("ready") == 2


def test_from_a_terminal_by_a_worker_s_process_id_and_socket(port, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for pid in _everywhere(port, "/admin/ping"):
        assert command(["ping", "-t", pid]) == 0
        assert command(["workers", "-t", pid, "--json"]) == 0
    sockets = sorted(tmp_path.glob("spanwise/*/*.sock"))
    assert len(sockets) == 2
    for path in sockets:
        capsys.readouterr()
        assert command(["why", "-t", str(path)]) == 0
        assert command(["profile", "-t", f"unix:{path}", "-s", "0.2"]) == 0
        assert command(["metrics", "-t", str(path), "python_threads"]) == 0
        assert "python_threads" in capsys.readouterr().out
    assert command(["threads", "-t", str(port), "--worker", "all"]) == 0
    assert capsys.readouterr().out.count("MainThread") >= 2


def test_answers_of_all_workers_are_merged_where_that_makes_sense(port):
    pids = set(_everywhere(port, "/admin/ping"))
    status, body = ask(port, "/admin/threads.json?worker=all")
    threads = json.loads(body)["threads"]
    assert status == 200
    assert {name.partition("/")[0] for name in threads} == {str(each["worker"]) for each in threads.values()} == pids
    text = ask(port, "/admin/threads?worker=all")[1].decode()
    assert all(f"worker {pid}\n" in text for pid in pids)
    assert ask(port, "/admin/requests?worker=all") == (200, b"0 requests in flight\n")
    status, body = ask(port, "/admin/exchanges?worker=all")
    assert status == 200
    assert {line.rpartition(" ")[2] for line in body.decode().splitlines()} <= pids
    assert ask(port, "/admin/why?worker=all")[0] == 200
    began = time.monotonic()
    status, body = ask(port, "/admin/pprof/profile?worker=all&seconds=2&hz=20")
    assert (status, time.monotonic() - began < 15) == (200, True)
    profile = decode(body)
    texts = profile.string_table
    labels = {(texts[each.key], texts[each.str]) for sample in profile.sample for each in sample.label}
    assert {value for key, value in labels if key == "worker"} == pids
    assert ask(port, "/admin/pprof/profile?worker=all&seconds=1&format=jpeg")[0] == 400
    assert ask(port, "/admin/pprof/profile?worker=all&seconds=0.1&hz=9999")[0] == 400


def test_the_flamegraph_of_all_workers_or_one(port, browser):
    pids = list(_everywhere(port, "/admin/ping"))
    with browser.open(f"http://127.0.0.1:{port}/admin/flamegraph") as tab:
        tab.wait("!document.getElementById('everywhere').hidden")
        tab.evaluate(
            "(() => { const form = document.getElementById('record').elements; form.seconds.value = 1;"
            " form.worker.checked = true })()"
        )
        tab.click("#record [type=submit]")
        tab.wait("document.getElementById('summary').textContent.includes('worker')", 30)
        assert tab.errors == []
    with browser.open(f"http://127.0.0.1:{port}/admin/flamegraph?worker={pids[1]}") as tab:
        tab.evaluate("document.getElementById('record').elements.seconds.value = 1")
        tab.click("#record [type=submit]")
        # The list of captures is there before the capture itself is.
        tab.wait(f"document.getElementById('save-pprof').href.includes('worker={pids[1]}')", 30)
        assert tab.evaluate("document.getElementById('everywhere').hidden")
        assert tab.errors == []
