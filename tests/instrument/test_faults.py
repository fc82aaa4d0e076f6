"""Whatever becomes of telemetry, the service answers as if it had none, and ends in time."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.instrument.collector_sink import GARBAGE, HANG, Answer, CollectorSink, free_port
from tests.instrument.conftest import Ran, clean_environ

# A service behind a real server, what it answers to real requests, and how long its end takes.
SERVICE = """
import http.client, json, os, sys, threading, time
from flask import Flask, Response
from waitress import create_server

app = Flask("shop")

@app.get("/albums/<int:album>")
def album(album):
    return {"album": album}

@app.post("/orders")
def order():
    return "ordered", 201, {"X-Order": "7"}

@app.get("/stream")
def stream():
    return Response(f"line {number}\\n" for number in range(50))

@app.get("/fails")
def fails():
    raise KeyError("a fault of the service itself")

instrumentation = None
if os.environ.get("INSTRUMENTED"):
    import spanwise
    instrumentation = spanwise.instrument(app, service="shop", sample_rate=1.0)
    orders = spanwise.counter("orders_placed", unit="{order}", description="Orders accepted.", better="higher")
    app.after_request(lambda response: (orders.inc(), response)[1])

server = create_server(app, host="127.0.0.1", port=0, threads=4)
threading.Thread(target=server.run, daemon=True).start()

def ask(method, path):
    connection = http.client.HTTPConnection("127.0.0.1", server.effective_port, timeout=30)
    connection.request(method, path, headers={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-zz-01"})
    answer = connection.getresponse()
    headers = sorted((name, value) for name, value in answer.getheaders() if name != "Date")
    return [answer.status, headers, answer.read().decode()]

answers = []
for number in range(10):
    answers += [ask("GET", f"/albums/{number}"), ask("POST", "/orders"), ask("GET", "/stream"), ask("GET", "/fails"),
                ask("GET", "/nowhere"), ask("BREW", "/orders"), ask("HEAD", "/albums/1")]
    time.sleep(0.05)
took = 0.0
if instrumentation is not None:
    began = time.monotonic()
    instrumentation.shutdown()
    took = time.monotonic() - began
    answers.append(ask("GET", "/albums/1"))  # and after its end
else:
    answers.append(ask("GET", "/albums/1"))
print(json.dumps({"answers": answers, "took": took}))
"""
PROMISED_S = 2.5
SAME = {"PYTHONHASHSEED": "0"}  # werkzeug writes a set into Allow


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the service answers where nothing is instrumented."""
    script = tmp_path_factory.mktemp("bare") / "script.py"
    script.write_text(SERVICE)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, env=clean_environ(**SAME)
    )
    return json.loads(done.stdout.splitlines()[-1])["answers"]


def check(ran: Ran, bare: Any) -> None:
    found = ran.json
    assert found["answers"] == bare
    assert found["took"] <= PROMISED_S
    ours = [line for line in ran.stderr.splitlines() if line.startswith(("spanwise:", "workers:"))]
    assert len(ours) <= 2, ours
    # The service's own fault is logged with its traceback by Flask; none is of ours.
    assert "spanwise: a request" not in ran.stderr


COLLECTORS = {
    "slow": Answer(delay_s=1.0),
    "hanging": HANG,
    "garbage": GARBAGE,
    "503": Answer(503),
    "503 for a minute": Answer(503, {"Retry-After": "60"}),
    "429": Answer(429, {"Retry-After": "nonsense"}),
    "400": Answer(400, body=b"\xff" * 100_000),
    "redirects": Answer(302, {"Location": "http://127.0.0.1:9/"}),
    "cuts connections": Answer(200, {"Connection": "close"}, cut=True),
}


@pytest.mark.parametrize("way", COLLECTORS)
def test_a_collector_in_trouble(run: Callable[..., Ran], sink: CollectorSink, bare: Any, way: str) -> None:
    sink.always = COLLECTORS[way]
    check(run(SERVICE, INSTRUMENTED="1", **SAME, SPANWISE_COLLECTOR_URL=sink.url), bare)


def test_a_collector_that_is_down(run: Callable[..., Ran], bare: Any) -> None:
    ran = run(SERVICE, INSTRUMENTED="1", **SAME, SPANWISE_COLLECTOR_URL=f"http://127.0.0.1:{free_port()}")
    check(ran, bare)
    assert ran.stderr.count("does not take spans") == 1


def test_a_collector_whose_name_nobody_knows(run: Callable[..., Ran], bare: Any) -> None:
    check(run(SERVICE, INSTRUMENTED="1", **SAME, SPANWISE_COLLECTOR_URL="http://collector.invalid:9411"), bare)


def test_a_full_queue(run: Callable[..., Ran], sink: CollectorSink, bare: Any) -> None:
    sink.always = HANG
    more = """
from prometheus_client import REGISTRY
full = REGISTRY.get_sample_value("otel_sdk_exporter_span_dropped_total", {"reason": "queue_full"})
print(json.dumps({"answers": answers, "took": took, "full": full}))
"""
    ran = run(
        SERVICE + more,
        INSTRUMENTED="1",
        **SAME,
        SPANWISE_COLLECTOR_URL=sink.url,
        OTEL_BSP_MAX_QUEUE_SIZE="5",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="2",
    )
    check(ran, bare)
    assert ran.json["full"] > 20


def test_the_admin_port_is_taken(run: Callable[..., Ran], bare: Any) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        check(run(SERVICE, INSTRUMENTED="1", **SAME, SPANWISE_ADMIN_PORT=str(holder.getsockname()[1])), bare)


def test_no_address_to_listen_on(run: Callable[..., Ran], bare: Any) -> None:
    check(run(SERVICE, INSTRUMENTED="1", **SAME, SPANWISE_ADMIN_HOST="203.0.113.7"), bare)


# --- a file system that nobody can write

PROBE = """
import pathlib
try:
    pathlib.Path("written").touch()
except OSError:
    pass
else:
    raise SystemExit("the file system can be written")
"""


@pytest.fixture
def read_only() -> list[str]:
    """The beginning of a command that sees every file system but /dev/shm and /proc as read-only."""
    unshare = shutil.which("unshare")
    alone = [unshare or "", "--mount"] if os.geteuid() == 0 else [unshare or "", "--mount", "--map-root-user"]
    mounts = "for at in / /tmp /run /var/tmp /home /root /work; do mount -o remount,bind,ro $at 2>/dev/null; done"
    if unshare is None or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody have mounts of his own: unshare --mount is refused")
    return [*alone, "sh", "-c", f'{mounts}; exec "$@"', "sh"]


def test_a_read_only_file_system(read_only: list[str], tmp_path: Path, sink: CollectorSink, bare: Any) -> None:
    script = tmp_path / "script.py"
    script.write_text(PROBE + SERVICE)
    done = subprocess.run(
        [*read_only, sys.executable, str(script)],
        cwd=tmp_path,
        env=clean_environ(INSTRUMENTED="1", **SAME, SPANWISE_COLLECTOR_URL=sink.url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    check(Ran(done), bare)
    assert any(span.name == "GET /albums/<int:album>" for span in sink.spans())


WORKERS = """
import os, signal, subprocess, sys, time, urllib.request

port = sys.argv[1]
command = ["-w", "2", "-b", f"127.0.0.1:{port}", "--no-control-socket", "--worker-tmp-dir", "/dev/shm", "shop:app"]
server = subprocess.Popen([sys.executable, "-m", "gunicorn", *command])

def get():
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/hello", timeout=10) as answer:
        return answer.status, answer.read()

until = time.monotonic() + 30
while True:
    try:
        get()
        break
    except OSError:
        if time.monotonic() > until:
            raise
        time.sleep(0.1)
assert {get() for _ in range(30)} == {(200, b"hello")}
server.send_signal(signal.SIGTERM)
assert server.wait(20) == 0
print('"fine"')
"""
SHOP = """
from flask import Flask
import spanwise
app = Flask("shop")
app.get("/hello", endpoint="hello")(lambda: "hello")
spanwise.instrument(app, service="shop")
"""


def test_workers_on_a_read_only_file_system(read_only: list[str], tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "start.py").write_text(WORKERS)
    done = subprocess.run(
        [*read_only, sys.executable, str(tmp_path / "start.py"), str(free_port())],
        cwd=tmp_path,
        env=clean_environ(PYTHONPATH=str(tmp_path), XDG_RUNTIME_DIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert Ran(done).json == "fine"
    said = [line for line in done.stderr.splitlines() if "no run folder" in line]
    assert len(said) == 2
    assert "No usable temporary directory" in said[0]
    assert "Traceback" not in done.stderr


def test_a_run_folder_that_is_a_file_or_someone_else_s(
    run: Callable[..., Ran], tmp_path: Path, bare: Iterator[Any]
) -> None:
    (tmp_path / "spanwise").write_text("not a folder")
    fork = "import os, sys\npid = os.fork()\nif pid == 0:\n    sys.exit(0)\nos.waitpid(pid, 0)\n"
    ran = run(
        SERVICE.replace("server = create", fork + "server = create"),
        INSTRUMENTED="1",
        **SAME,
        XDG_RUNTIME_DIR=str(tmp_path),
    )
    check(ran, bare)
