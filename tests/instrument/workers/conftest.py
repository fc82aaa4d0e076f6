"""Fixtures for worker processes: a run folder of their own, servers as they are really started, and their scrapes."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from spanwise.workers.kinship import ProcessId, is_alive

BIN = Path(sys.executable).parent
APPS = Path(__file__).parent / "apps"


def eventually(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"not within {timeout_s} s: {condition}")
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """XDG_RUNTIME_DIR, with a short path: socket names have a limit of about a hundred bytes."""
    folder = Path(tempfile.mkdtemp(prefix="sw-", dir="/tmp"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def clean_environ(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANWISE_"))}
    return {**kept, "SPANWISE_ADMIN_HOST": "127.0.0.1", "SPANWISE_ADMIN_PORT": "0", "PYTHONPATH": str(APPS), **more}


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
_IDENTITY = ("service_name", "service_version", "deployment_environment_name")


def parse(text: str) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k not in _IDENTITY))
            found[sample.name, labels] = sample.value
    return found


def counters(text: str) -> Samples:
    """What must never go down."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        if family.type in ("counter", "histogram", "summary"):
            for sample in family.samples:
                if not sample.name.endswith("_created"):
                    found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


def total(samples: Samples, name: str) -> float:
    return sum(value for (sample, _), value in samples.items() if sample == name)


REQUESTS = "http_server_request_duration_seconds_count"


class Server:
    """A server with workers, and everything it wrote."""

    def __init__(self, command: list[str], port: int, runtime: Path, log: Path, **environ: str) -> None:
        self.port = port
        self.runtime = runtime
        self.log = log
        self._known_admin_port = 0
        self._instances: set[str] = set()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [str(BIN / command[0]), *command[1:]],
                env=clean_environ(XDG_RUNTIME_DIR=str(runtime), **environ),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def group(self) -> Path:
        folders = [path for path in (self.runtime / "spanwise").glob("*") if path.is_dir()]
        assert len(folders) == 1, folders
        return folders[0]

    @property
    def admin_port(self) -> int:
        if not self._known_admin_port:
            self._known_admin_port = int((self.group / "admin").read_text().split()[0])
        return self._known_admin_port

    def get(self, path: str = "/hello") -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def scrape(self, path: str = "/metrics", timeout_s: float = 5.0, accept: str = "text/plain") -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin_port}{path}", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return str(answer.read().decode())

    def samples(self) -> Samples:
        """Of this server: a port that its owner's death has freed may be somebody else's by now."""
        found = parse(self.scrape())
        instances = {dict(labels)["service_instance_id"] for name, labels in found if name == "target_info"}
        self._instances |= instances
        assert len(self._instances) <= 1, f"several services have answered on the admin port: {self._instances}"
        return found

    def members(self) -> list[int]:
        """The pids of the workers that have joined; one that was killed is among them until somebody notices."""
        return [process.pid for process in self._joined()]

    def living(self) -> list[int]:
        return [process.pid for process in self._joined() if is_alive(process)]

    def _joined(self) -> list[ProcessId]:
        try:
            signed = [path.read_text().split() for path in self.group.glob("*.member")]
            return [ProcessId(int(pid), int(started)) for pid, started in signed]
        except (AssertionError, OSError, ValueError):
            return []

    def wait_for_workers(self, count: int) -> None:
        try:
            eventually(lambda: len(self.members()) >= count and (self.group / "admin").exists(), 20.0)
        except AssertionError:
            raise AssertionError(f"no {count} workers; the server says:\n{self.log.read_text()[-3000:]}") from None

    @property
    def owner(self) -> int:
        return int((self.group / "owner").read_text().split()[0])

    def is_answered(self) -> bool:
        try:
            self.scrape("/admin/ping", 1.0)
        except OSError:
            return False
        return True

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)

    def kill(self) -> None:
        """Whatever is left of it, workers included."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def serve(runtime: Path, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """`serve("gunicorn", "-w", "2", ..., "{app}")` with `{port}` put in; stopped and killed at the end."""
    servers: list[Server] = []

    def start(*command: str, **environ: str) -> Server:
        port = free_port()
        filled = [part.replace("{port}", str(port)) for part in command]
        server = Server(filled, port, runtime, tmp_path / f"server{len(servers)}.log", **environ)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.kill()


class Load:
    """Threads that ask until they are stopped; `answers` are the pid and the time of each, `failed` counts the rest."""

    def __init__(self, server: Server, threads: int = 3, pause_s: float = 0.01) -> None:
        self.answers: list[tuple[int, float]] = []
        self.failed = 0
        self._server = server
        self._pause_s = pause_s
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    @property
    def answered(self) -> int:
        return len(self.answers)

    def answered_by(self, pid: int, since: float) -> int:
        """How many answers a worker has given since a time.monotonic()."""
        return sum(1 for by, at in self.answers if by == pid and at >= since)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                pid = int(self._server.get())
                self.answers.append((pid, time.monotonic()))
            except (OSError, http.client.HTTPException):
                with self._lock:
                    self.failed += 1
            self._stopping.wait(self._pause_s)

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(10)


class Scrapes:
    """Scrapes every 200 ms: remembers every counter that went down, and the longest silence of the port while there
    was a worker; `lateness_s` is how much longer than asked for this machine let us sleep at most."""

    def __init__(self, server: Server, every_s: float = 0.2) -> None:
        self.decreases: list[str] = []
        self.longest_silence_s = 0.0
        self.lateness_s = 0.0
        self.count = 0
        self._server = server
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        highest: Samples = {}
        answered_at = time.monotonic()
        while not self._stopping.is_set():
            try:
                now = counters(self._server.scrape(timeout_s=2.0))
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
                if not self._server.living():
                    answered_at = time.monotonic()  # all are dead and none has started yet: nobody could answer
                continue
            self.longest_silence_s = max(self.longest_silence_s, time.monotonic() - answered_at - self._every_s)
            answered_at = time.monotonic()
            self.count += 1
            for series, value in highest.items():
                if now.get(series, -1.0) < value:
                    self.decreases.append(f"{series}: {value} -> {now.get(series)}")
            highest.update(now)
            self._stopping.wait(self._every_s)
            self.lateness_s = max(self.lateness_s, time.monotonic() - answered_at - self._every_s)

    @property
    def silence_allowed_s(self) -> float:
        """Twice the promised second; where this machine is late for us it is later for workers, several in turn."""
        return 2.0 + 10 * self.lateness_s

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(10)
