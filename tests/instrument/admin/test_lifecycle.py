"""How a service ends: the pages, and real processes that are told to."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from spanwise import supervisor as supervisors
from spanwise.health import Check, Kind
from tests.instrument.admin.conftest import until

BROWSER = "text/html,*/*;q=0.8"
SERVICE = """
import sys, time, atexit
from wsgiref.simple_server import make_server, WSGIServer, WSGIRequestHandler
from socketserver import ThreadingMixIn
import spanwise

class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = False

class Quiet(WSGIRequestHandler):
    def log_message(self, *args): pass

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(1.0)
    start_response("200 OK", [])
    return [b"whole"]

sent = []
running = spanwise.instrument(
    app, service="ending", admin_port=0, admin_host="127.0.0.1", sample_rate=1, export=sent.append
)
server = make_server("127.0.0.1", 0, running.app, Server, Quiet)
atexit.register(lambda: print("exit handlers ran", flush=True))
print(running.admin.port, server.server_port, flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    server.server_close()
    print("stopped", flush=True)
"""


@pytest.fixture
def service():
    environment = os.environ | {"SPANWISE_ADMIN_DRAIN_DELAY": "200ms"}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    ports = [int(port) for port in process.stdout.readline().split()]
    assert ports, process.stderr.read()
    yield process, *ports
    if process.poll() is None:
        process.kill()
    process.communicate()


def ask(port, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_quitting_lets_a_request_in_flight_end(service):
    process, admin_port, port = service
    answers = []
    slow = threading.Thread(target=lambda: answers.append(ask(port, "/slow")))
    slow.start()
    until(lambda: _in_flight(admin_port))
    assert ask(admin_port, "/quitquitquit?grace=10.seconds", "POST") == (200, b"quitting\n")
    assert ask(admin_port, "/health") == (503, b"draining\n")
    assert ask(admin_port, "/readyz")[0] == 503
    slow.join(20)
    assert answers == [(200, b"whole")]
    assert process.wait(20) == 0
    assert process.stdout.read() == "stopped\nexit handlers ran\n"


def _in_flight(admin_port):
    return b'http_server_active_requests/GET":1' in ask(admin_port, "/admin/metrics.json")[1]


def test_the_grace_ends_the_waiting(service):
    process, admin_port, port = service
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: _in_flight(admin_port))
        began = time.monotonic()
        assert ask(admin_port, "/admin/shutdown?grace=0s", "POST")[0] == 200
        assert process.wait(20) == 0
        assert time.monotonic() - began < 10


def test_aborting_is_at_once(service):
    process, admin_port, _ = service
    assert ask(admin_port, "/abortabortabort", "POST") == (200, b"aborting\n")
    assert process.wait(10) == 0
    assert "exit handlers ran" not in process.stdout.read()


@pytest.mark.parametrize("path", ["/quitquitquit", "/admin/shutdown", "/abortabortabort"])
def test_only_post_ends_anything(admin, path):
    for method in ("GET", "HEAD", "PUT"):
        got = admin.fetch(path, method)
        assert (got.status, got.headers["allow"], got.body) == (405, "POST", b"")
    assert not admin.process.health.lifecycle.ending


@pytest.mark.parametrize(
    ("given", "said"), [("soon", "soon"), ("10", "10"), ("%0a%3Cb%3E", "?<b>"), ("9999.days", "9999.days")]
)
def test_a_grace_that_is_none_is_refused_in_twitter_server_s_words(admin, given, said):
    for path in ("/quitquitquit", "/admin/shutdown"):
        got = admin.fetch(f"{path}?grace={given}", "POST")
        assert (got.status, got.text) == (400, f"could not parse 'grace' parameter: {said} is not a valid duration")
    assert not admin.process.health.lifecycle.ending


def test_drain_and_resume(admin):
    lifecycle = admin.process.health.lifecycle
    lifecycle.started()
    assert admin.fetch("/health").status == 200
    assert admin.fetch("/admin/drain", "POST").text == "draining\n"
    assert (admin.fetch("/health").status, admin.fetch("/readyz").status) == (503, 503)
    assert admin.fetch("/livez").status == 200
    assert admin.fetch("/admin/drain?off=true", "POST").text == "resumed\n"
    assert admin.fetch("/readyz").status == 200
    assert lifecycle.end() and not lifecycle.end()
    assert admin.fetch("/admin/drain?off=true", "POST").status == 400


def test_a_preview_says_what_would_be_and_does_nothing(admin):
    data = json.loads(admin.fetch("/admin/lifecycle", accept="application/json").body)
    assert data["in_flight"] == 2
    assert data["managed_by"] is None
    assert any("2 requests in flight may take 10 s to end" in step for step in data["would"]["shutdown"])
    assert "No process manager" in data["would"]["restart"][0]
    page = admin.fetch("/admin/lifecycle", accept=BROWSER).text
    assert 'method="post" action="/admin/shutdown"' in page
    assert not admin.process.health.lifecycle.ending


def test_nobody_restarts_a_service_without_a_manager(admin):
    got = admin.fetch("/admin/restart", "POST")
    assert got.status == 409
    assert "it was left running" in got.text


def test_warming_up_is_not_ready_and_startup_is_remembered(admin):
    lifecycle = admin.process.health.lifecycle
    lifecycle.started()
    with lifecycle.warming_up("models"):
        assert (admin.fetch("/health").status, admin.fetch("/health").body) == (503, b"warming up\n")
        assert admin.fetch("/startupz").status == 503
        assert "state: starting (models)" in admin.fetch("/readyz").text
    assert admin.fetch("/startupz").status == 200
    lifecycle.drain()
    assert admin.fetch("/readyz").status == 503
    assert admin.fetch("/startupz").status == 200


def test_a_group_reports_its_own_checks(admin):
    health = admin.process.health
    health.lifecycle.started()
    health.add(Check("disk", Kind.READINESS, lambda: True, 1, 10, ("storage",)))
    health.add(Check("cache", Kind.READINESS, lambda: False, 1, 10, ("storage",), critical=False))
    health.add(Check("mail", Kind.READINESS, lambda: False, 1, 10, ("post",)))
    health.start()
    until(lambda: all(each.checked_at is not None for each in health.results(Kind.READINESS)))
    assert admin.fetch("/health/storage").status == 200
    assert "[-]cache" in admin.fetch("/health/storage?verbose").text
    assert admin.fetch("/health/post").status == 503
    assert admin.fetch("/health/nothing").status == 404
    assert admin.fetch("/readyz").status == 503


def test_gunicorn_is_recognised_by_the_parent_s_command_line(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisors, "_PROC", tmp_path)
    (tmp_path / "7").mkdir()
    for words, expected in (
        (["/venv/bin/python", "/venv/bin/gunicorn", "app:app"], True),
        (["python3", "-m", "gunicorn", "app:app"], True),
        (["gunicorn: master [app:app]"], True),
        (["bash", "-c", "gunicorn app:app"], False),
        (["python3", "app.py", "gunicorn"], False),
        ([""], False),
    ):
        (tmp_path / "7" / "cmdline").write_bytes("\0".join(words).encode())
        assert supervisors._started_by_gunicorn(7) is expected, words
    assert not supervisors._started_by_gunicorn(8)


def test_under_gunicorn_the_master_is_told(tmp_path):
    (tmp_path / "app.py").write_text(
        "import spanwise\n"
        "def plain(environ, start_response):\n    start_response('200 OK', [])\n    return [b'ok']\n"
        "app = spanwise.instrument(plain, service='guni', admin_port=0, admin_host='127.0.0.1').app\n"
    )
    command = [sys.executable, "-m", "gunicorn", "app:app", "--bind", "127.0.0.1:0", "--workers", "1"]
    environment = os.environ | {"SPANWISE_ADMIN_DRAIN_DELAY": "0s", "XDG_RUNTIME_DIR": str(tmp_path)}
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    try:
        port = until(lambda: _admin_port(process.pid), 20)
        assert b"SIGTERM to gunicorn's master" in ask(port, "/admin/lifecycle")[1]
        workers = until(lambda: _children(process.pid))
        assert ask(port, "/admin/restart", "POST")[0] == 200
        until(lambda: _children(process.pid) and not set(_children(process.pid)) & set(workers), 30)
        assert process.poll() is None
        port = until(lambda: _admin_port(process.pid), 20)
        assert ask(port, "/quitquitquit?grace=1s", "POST") == (200, b"quitting\n")
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait(10)


def _children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _admin_port(pid):
    """The listening port of a child that answers a ping."""
    for child in _children(pid):
        for port in _listening(child):
            try:
                if ask(port, "/admin/ping") == (200, b"pong"):
                    return port
            except (OSError, http.client.HTTPException):
                continue
    return None


def _listening(pid):
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(link.readlink()))
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return [int(row[1].partition(":")[2], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]
