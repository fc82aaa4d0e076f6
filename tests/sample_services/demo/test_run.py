"""`spanwise demo` as a user starts it, on free ports: what it says, and that nothing is left when it has ended."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from spanwise_samples.settings import DEMO_SETTINGS

SPANWISE = str(Path(sys.executable).with_name("spanwise"))
START_TIMEOUT_S = 60


def free_ports() -> list[str]:
    """A flag for every port of the demo, with a free one."""
    rows = [row for row in DEMO_SETTINGS if row.variable.endswith("_PORT")]
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in rows]
    flags = [f"{row.flag}={taken.getsockname()[1]}" for row, taken in zip(rows, sockets, strict=True)]
    for taken in sockets:
        taken.close()
    return flags


class Demo:
    """A running demo, its output in a file."""

    def __init__(self, folder: Path, *flags: str, **variables: str) -> None:
        self.output = folder / "output"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.ports = free_ports()
        environment = {**os.environ, "TMPDIR": str(self.temporary), **variables}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                (SPANWISE, "demo", *self.ports, *flags), env=environment, stdout=output, stderr=output
            )

    @property
    def text(self) -> str:
        return self.output.read_text()

    def wait_for(self, text: str, timeout_s: float = START_TIMEOUT_S) -> None:
        until = time.monotonic() + timeout_s
        while text not in self.text:
            assert self.process.poll() is None, self.text
            assert time.monotonic() < until, self.text
            time.sleep(0.05)

    def children(self) -> dict[int, str]:
        """Process id and command line of each child."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                if stat.read_text().rpartition(") ")[2].split()[1] == str(self.process.pid):
                    found[int(stat.parent.name)] = (stat.parent / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
        return found

    def url(self, name: str) -> str:
        """The app of a service, from the block of addresses."""
        match = re.search(rf"^  {name} +(http://127.0.0.1:\d+)/", self.text, re.MULTILINE)
        assert match is not None, self.text
        return match[1]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    demos: list[Demo] = []

    def begin(*flags: str, **variables: str) -> Demo:
        demos.append(Demo(tmp_path, *flags, **variables))
        return demos[-1]

    yield begin
    for demo in demos:
        if demo.process.poll() is None:
            demo.process.kill()
        demo.process.wait()


def gone(pids: Any) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_from_the_block_of_addresses_to_a_clean_end(start: Callable[..., Demo]) -> None:
    demo = start("--no-prometheus")
    demo.wait_for("Ctrl-C")
    for name in ("gateway", "catalog", "orders", "payments", "recommendations", "collector"):
        assert requests.get(f"{demo.url(name)}/", timeout=2).status_code == 200, "the block came before its answer"
    children = demo.children()
    assert len(children) == 7, children

    [payments] = [pid for pid, command in children.items() if "spanwise_samples.payments" in command]
    os.kill(payments, signal.SIGKILL)
    demo.wait_for("payments ended by itself (killed by SIGKILL); the others go on", 10)
    assert "payments is instrumented" in demo.text  # the end of its log
    demo.wait_for("spans stored", 20)
    assert requests.get(f"{demo.url('gateway')}/albums", timeout=5).status_code == 200

    begin = time.monotonic()
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(20) == 0
    assert time.monotonic() - begin < 10  # twice the promise
    assert gone(children)
    assert list(demo.temporary.iterdir()) == []
    assert "stopped everything" in demo.text
    assert "Traceback" not in demo.text


def test_kill_9_of_the_demo_leaves_no_process(start: Callable[..., Demo], wait_until: Callable[..., None]) -> None:
    demo = start("--no-prometheus", "--no-load", "--services=gateway,catalog")
    demo.wait_for("Ctrl-C")
    for name in ("gateway", "catalog"):  # without the load's first second there is nothing to hide behind
        assert requests.get(f"{demo.url(name)}/", timeout=2).status_code == 200, "the block came before its answer"
    children = demo.children()
    assert len(children) == 3, children
    demo.process.kill()
    demo.process.wait()
    wait_until(lambda: gone(children), 5)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_everything_answers_stops_it_too(
    start: Callable[..., Demo], wait_until: Callable[..., None], sent: signal.Signals
) -> None:
    demo = start("--no-prometheus", "--no-load")
    wait_until(lambda: len(demo.children()) >= 2)
    children = demo.children()
    demo.process.send_signal(sent)
    assert demo.process.wait(10) == 0
    assert gone(children)
    assert "service " not in demo.text  # no addresses of what never answered
    assert list(demo.temporary.iterdir()) == []


def test_it_ends_by_itself_keeps_its_folder_and_says_what_is_missing(
    start: Callable[..., Demo], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    demo = start("--services=catalog", "--duration=1s", f"--data={kept}", PATH="/nonexistent")
    assert demo.process.wait(START_TIMEOUT_S) == 0
    assert "Prometheus is not installed" in demo.text
    assert "apt-get install prometheus" in demo.text
    assert (kept / "dashboards" / "prometheus" / "prometheus.yml").exists()
    assert (kept / "logs" / "catalog.log").exists()


def test_a_port_in_use_is_named_before_anything_is_started(start: Callable[..., Demo]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = start(f"--catalog-port={port}")
        assert demo.process.wait(START_TIMEOUT_S) == 2
    assert f"port {port}, for catalog, is in use by pid {os.getpid()} (" in demo.text
    assert "--catalog-port" in demo.text
    assert list(demo.temporary.iterdir()) == []


def test_what_ends_while_it_is_started_is_named_with_its_log(start: Callable[..., Demo]) -> None:
    demo = start("--no-prometheus", "--services=catalog", SAMPLES_THREADS="none")
    assert demo.process.wait(START_TIMEOUT_S) == 1
    assert "catalog ended while it was being started (exit code 2). Its log ends with:" in demo.text
    assert "SAMPLES_THREADS='none' is not a whole number" in demo.text
    assert list(demo.temporary.iterdir()) == []
