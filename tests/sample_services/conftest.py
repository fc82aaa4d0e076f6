"""The store's services as real processes on free ports, without pretended latency or errors unless a test asks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from spanwise_samples.settings import STORES

START_TIMEOUT_S = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Services:
    """Starts and stops services; each knows where the others are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {store.name: free_port() for store in STORES}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def start(self, *names: str, **variables: str) -> None:
        peers = {store.variable("URL"): self.url(store.name) for store in STORES}
        for name in names:
            environment = {
                **{key: value for key, value in os.environ.items() if not key.startswith(("SAMPLES_", "SPANWISE_"))},
                **peers,
                "SAMPLES_LATENCY_MS": "0",
                "SAMPLES_ERROR_RATE": "0",
                "SAMPLES_DECLINE_RATE": "0",
                "SPANWISE_ADMIN_HOST": "127.0.0.1",
                "SPANWISE_ADMIN_PORT": str(free_port()),
                **variables,
            }
            command = (sys.executable, "-m", f"spanwise_samples.{name}", "--port", str(self.ports[name]))
            with (self.folder / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    (*command, "--data", str(self.folder)), env=environment, stdout=log, stderr=log
                )
        for name in names:
            self._wait_for(name)

    def _wait_for(self, name: str) -> None:
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until and self.processes[name].poll() is None:
            try:
                requests.get(f"{self.url(name)}/", timeout=1)
                return
            except requests.RequestException:
                time.sleep(0.05)
        raise AssertionError(f"{name} does not answer: {self.log(name)}")

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def terminate(self, name: str, timeout_s: float = 10) -> int:
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(timeout_s)

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """All five, shared by the tests that only ask them."""
    services = Services(tmp_path_factory.mktemp("store"))
    try:
        services.start(*services.ports)
        yield services
    finally:
        services.close()


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """None yet: for tests that start, configure and kill their own."""
    own = Services(tmp_path)
    yield own
    own.close()


@pytest.fixture
def wait_until() -> Callable[..., None]:
    def wait(true: Callable[[], bool], timeout_s: float = 10.0) -> None:
        until = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < until, "it did not become true in time"
            time.sleep(0.02)

    return wait
