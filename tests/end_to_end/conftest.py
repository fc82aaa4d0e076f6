"""The whole stack as a user starts it: `spanwise demo` with its load and Debian's Prometheus, on free ports.

Prometheus finds the store's services through the collector's `http_sd`; one service more, which knows no collector,
it gets by `static_configs`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from spanwise.standard import ServiceKind
from spanwise_samples.settings import DEMO_SETTINGS, STORES

HERE = Path(__file__).parent
SPANWISE = str(Path(sys.executable).with_name("spanwise"))
START_TIMEOUT_S = 90
PLAIN_PAUSE_S = 0.2

EVERY, LINUX, SLO = ServiceKind.EVERY, ServiceKind.LINUX, ServiceKind.SLO
SERVER, CLIENT = ServiceKind.HTTP_SERVER, ServiceKind.HTTP_CLIENT
COLLECTOR = "spanwise-collector"
# What each process of the stack is, and so which metrics of the standard it must have.
KINDS: dict[str, frozenset[ServiceKind]] = {
    "gateway": frozenset({EVERY, LINUX, SERVER, CLIENT, SLO}),
    "catalog": frozenset({EVERY, LINUX, SERVER, SLO}),
    "orders": frozenset({EVERY, LINUX, SERVER, CLIENT, SLO}),
    "payments": frozenset({EVERY, LINUX, SERVER, SLO}),
    "recommendations": frozenset({EVERY, LINUX, SERVER, CLIENT, SLO}),
    "plain": frozenset({EVERY, LINUX, SERVER}),
    COLLECTOR: frozenset({EVERY, LINUX, SERVER}),
}


def free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [int(taken.getsockname()[1]) for taken in sockets]
    for taken in sockets:
        taken.close()
    return ports


def wait_until(true: Callable[[], Any], timeout_s: float, what: str = "it did not become true") -> None:
    until = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < until, f"{what} within {timeout_s:g} s"
        time.sleep(0.1)


@contextmanager
def process(command: tuple[str, ...], log: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its output in a file, ended politely and if need be otherwise."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SPANWISE_", "SAMPLES_"))}
    with log.open("wb") as output:
        started = subprocess.Popen(command, env={**environment, **variables}, stdout=output, stderr=output)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(15)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@dataclass(frozen=True)
class Stack:
    """A running demo: where everything is."""

    demo: subprocess.Popen[bytes]
    folder: Path
    output: Path
    ports: dict[str, int]  # by the flag's name, such as `gateway-admin-port`

    def app(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[f'{service}-port']}"

    def admin(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[f'{service}-admin-port']}"

    def free_port(self) -> int:
        return free_ports(1)[0]

    @property
    def collector(self) -> str:
        return self.app("collector")

    def log(self, name: str) -> str:
        return (self.folder / "logs" / f"{name}.log").read_text()

    def children(self) -> dict[str, int]:
        """Process id of each part, by the name of its log file."""
        names = {"spanwise_samples.load": "load", "spanwise collector": "collector", "prometheus": "prometheus"}
        names |= {f"spanwise_samples.{store.name}": store.name for store in STORES}
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                if stat.read_text().rpartition(") ")[2].split()[1] != str(self.demo.pid):
                    continue
                command = (stat.parent / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            found[next(name for part, name in names.items() if part in command)] = int(stat.parent.name)
        return found

    def ask_prometheus(self, what: str, **parameters: Any) -> Any:
        """The `data` of an answer of Prometheus' HTTP API."""
        answer = requests.get(f"{self.app('prometheus')}/api/v1/{what}", params=parameters, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def series(self, promql: str) -> list[dict[str, str]]:
        """The labels of every series with a value, now."""
        result = self.ask_prometheus("query", query=promql)["result"]
        return [one["metric"] for one in result if one["value"][1] != "NaN"]

    def trace(self, trace_id: str) -> list[dict[str, Any]]:
        """The spans that the collector has of one trace."""
        answer = requests.get(f"{self.collector}/api/spanwise/traces/{trace_id}", timeout=10)
        assert answer.status_code in (200, 404), answer.text
        return answer.json()["spans"] if answer.status_code == 200 else []


@contextmanager
def running_demo(folder: Path, *flags: str, **variables: str) -> Iterator[Stack]:
    """A demo that has said that everything answers."""
    rows = [row for row in DEMO_SETTINGS if row.variable.endswith("_PORT")]
    ports = {row.flag.removeprefix("--"): port for row, port in zip(rows, free_ports(len(rows)), strict=True)}
    port_flags = [f"--{name}={port}" for name, port in ports.items()]
    command = (SPANWISE, "demo", *port_flags, f"--data={folder / 'data'}", "--duration=10m", *flags)
    output = folder / "output"
    with process(command, output, **variables) as demo:
        stack = Stack(demo, folder / "data", output, ports)
        wait_until(
            lambda: "Ctrl-C" in output.read_text() or demo.poll() is not None,
            START_TIMEOUT_S,
            f"the demo does not answer: {output.read_text()}",
        )
        assert demo.poll() is None, output.read_text()
        yield stack


@pytest.fixture(scope="session", name="wait_until")
def _wait_until() -> Callable[..., None]:
    return wait_until


@pytest.fixture(scope="session", name="process")
def _process() -> Callable[..., Any]:
    return process


@pytest.fixture(scope="session", name="running_demo")
def _running_demo() -> Callable[..., Any]:
    return running_demo


@pytest.fixture(scope="session")
def kinds() -> dict[str, frozenset[ServiceKind]]:
    return KINDS


@pytest.fixture(scope="session")
def prometheus_binary() -> str:
    binary = shutil.which("prometheus")
    if binary is None:
        missing = "prometheus is missing: install Debian's package (apt-get install prometheus)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    return binary


@pytest.fixture(scope="package")
def plain_admin_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The admin port of the service without a collector, which gets a request now and then."""
    app_port, admin_port = free_ports(2)
    command = (sys.executable, str(HERE / "plain_service.py"), str(app_port))
    log = tmp_path_factory.mktemp("plain") / "log"
    stopped = threading.Event()

    def visit() -> None:
        while not stopped.wait(PLAIN_PAUSE_S):
            try:
                requests.get(f"http://127.0.0.1:{app_port}/hello", timeout=2)
            except requests.RequestException:
                continue

    visitor = threading.Thread(target=visit)
    with process(command, log, SPANWISE_ADMIN_HOST="127.0.0.1", SPANWISE_ADMIN_PORT=str(admin_port)):
        visitor.start()
        try:
            yield admin_port
        finally:
            stopped.set()
            visitor.join()


@pytest.fixture(scope="package")
def stack(prometheus_binary: str, plain_admin_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests that only look. Nobody kills anything in it."""
    folder = tmp_path_factory.mktemp("stack")
    flags = ("--rate=30", "--scrape-interval=1s")
    with running_demo(folder, *flags, SPANWISE_STATIC_TARGETS=f"127.0.0.1:{plain_admin_port}") as running:
        yield running
