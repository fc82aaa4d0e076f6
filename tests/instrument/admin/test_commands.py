"""`spanwise admin` against a real service in another process, as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from spanwise.admin.client import Client
from spanwise.admin.commands import admin as command
from spanwise.command import CommandError

SERVICE = """
import logging, sys, threading, spanwise
running = spanwise.instrument(service="typed", admin_port=0, admin_host="127.0.0.1", version="1.2")
logging.getLogger("typed.db")
print(running.admin.port, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def service():
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    port = int(process.stdout.readline())
    yield process.pid, port
    process.communicate()


def run(capsys, *words):
    code = command([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_service_is_found_and_listed(service, capsys):
    code, out, _ = run(capsys, "list", "--json")
    [found] = [each for each in json.loads(out) if each["pid"] == service[0]]
    assert (code, found["service.name"], found["url"]) == (0, "typed", f"http://127.0.0.1:{service[1]}")
    code, out, _ = run(capsys, "list")
    assert out.startswith("service") and f"  {service[0]}  " in out


@pytest.mark.parametrize("target", ["pid", "port", "url", "name"])
def test_a_target_is_named_in_four_ways(service, capsys, target):
    pid, port = service
    given = {"pid": pid, "port": port, "url": f"http://127.0.0.1:{port}", "name": "typed"}[target]
    code, out, _ = run(capsys, "ping", "-t", given)
    assert code == 0
    assert out.startswith(f"pong from http://127.0.0.1:{port} in ")


def test_metrics_by_name_and_pattern(service, capsys):
    code, out, _ = run(capsys, "metrics", "-t", service[1], "python_threads", "process_*")
    assert code == 0
    assert "python_threads" in out and "process_open_fds" in out and "python_gc" not in out
    assert run(capsys, "metrics", "-t", service[1], "nothing")[0] == 1
    assert "python_threads" in json.loads(run(capsys, "metrics", "-t", service[1], "--json")[1])


def test_levels_are_shown_and_set(service, capsys):
    code, out, _ = run(capsys, "log-level", "-t", service[1], "typed.db", "DEBUG", "--ttl", "1m")
    assert (code, out) == (0, "typed.db is DEBUG for 1 min\n")
    assert "typed.db  DEBUG" in run(capsys, "log-level", "-t", service[1], "typed.db")[1]
    code, _, err = run(capsys, "log-level", "-t", service[1], "typed.db", "LOUD")
    assert code == 1 and "is not one of OFF" in err
    run(capsys, "log-level", "-t", service[1], "typed.db", "null")


def test_health_and_lint_say_so_by_their_exit_code(service, capsys):
    assert run(capsys, "health", "-t", service[1])[:2] == (0, "state: ready\nreadyz check passed\n")
    code, out, _ = run(capsys, "lint", "-t", service[1])
    assert code == 1 and "rules hold" in out


def test_a_profile_as_text_and_as_a_file(service, capsys, tmp_path):
    file = tmp_path / "cpu.pb.gz"
    code, out, _ = run(capsys, "profile", "-t", service[1], "-s", "0.2", "-o", file)
    assert code == 0 and f"go tool pprof {file}" in out
    assert file.read_bytes()[:2] == b"\x1f\x8b"
    assert run(capsys, "profile", "-t", service[1], "-s", "0.2")[0] == 0


def test_threads_are_shown(service, capsys):
    code, out, _ = run(capsys, "threads", "-t", service[1])
    assert code == 0 and "MainThread" in out


def test_why_says_by_its_exit_code_whether_something_is_wrong(service, capsys):
    code, out, _ = run(capsys, "why", "-t", service[1])
    assert (code, out) == (0, "Nothing is wrong that can be seen from here.\n")
    assert json.loads(run(capsys, "why", "-t", service[1], "--json")[1])["well"] is True


def test_why_of_a_service_that_drains(service, capsys):
    client = Client(f"http://127.0.0.1:{service[1]}")
    client.post("/admin/drain")
    try:
        code, out, _ = run(capsys, "why", "-t", service[1])
        assert (code, out) == (1, "The service is draining: it takes no new requests.\n")
    finally:
        client.post("/admin/drain", off="true")


def test_the_one_worker_of_a_service(service, capsys):
    code, out, _ = run(capsys, "workers", "-t", service[1])
    assert code == 0 and str(service[0]) in out and "admin port" in out
    [row] = json.loads(run(capsys, "workers", "-t", service[1], "--json")[1])["workers"]
    assert (row["pid"], row["state"], row["in_flight"]) == (service[0], "ready", 0)


def test_a_socket_that_nobody_answers(capsys, tmp_path):
    code, out, err = run(capsys, "ping", "-t", tmp_path / "1.sock")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "1.sock does not answer" in err


def test_nobody_there_is_another_exit_code(capsys):
    code, out, err = run(capsys, "ping", "-t", "127.0.0.1:1")
    assert (code, out) == (3, "")
    assert err.startswith("spanwise admin: http://127.0.0.1:1 does not answer: ") and err.count("\n") == 1


def test_a_mistyped_command_is_understood():
    with pytest.raises(CommandError, match="did you mean `spanwise admin metrics`"):
        command(["metrcs"])
    with pytest.raises(CommandError, match="is no process id"):
        command(["ping", "-t", "no-such-service"])


def test_the_whole_command_as_installed(service):
    environment = os.environ | {"NO_COLOR": "1"}
    shown = subprocess.run(
        [sys.executable, "-m", "spanwise.command", "admin", "ping", "-t", str(service[1])],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    assert (shown.returncode, shown.stdout[:4]) == (0, "pong")
