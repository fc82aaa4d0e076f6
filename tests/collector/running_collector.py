"""A collector as a user starts it, on free ports, in a temporary folder."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 40.0
COMMAND = (str(Path(sys.executable).with_name("spanwise")),)
_POLL_S = 0.02


def wait_for(condition: Callable[[], Any], timeout_s: float = 15.0, what: str = "the condition") -> Any:
    """Polls until the condition is true and returns it; fails after the time."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        result = condition()
        if result:
            return result
        time.sleep(_POLL_S)
    raise AssertionError(f"{what} did not come true in {timeout_s:g} s")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def fetch(
    url: str, method: str = "GET", body: bytes | None = None, tls: ssl.SSLContext | None = None, **headers: str
) -> Answer:
    """One HTTP request; `content_type="x"` becomes the header Content-Type. Any status is an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    call = urllib.request.Request(url, data=body, method=method, headers=named)
    try:
        with urllib.request.urlopen(call, timeout=60, context=tls) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


class RunningCollector:
    """`start` it, talk to it, `stop` or `kill` it. Its log is in `<data>.log`.

    `tls` is whom to trust where it speaks TLS.
    """

    def __init__(
        self,
        data: Path,
        *flags: str,
        environ: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.data = data
        self.tls = tls
        self.log_path = data.with_suffix(".log")
        self._flags = flags
        self._environ = dict(environ or {})
        self.process: subprocess.Popen[bytes] | None = None
        self.url = self.otlp_url = self.otlp_grpc = self.admin_url = ""

    def spawn(self) -> subprocess.Popen[bytes]:
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("SPANWISE_", "OTEL_"))}
        ports = ("--port", "0", "--otlp-port", "0", "--grpc-port", "0", "--admin-port", "0")
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "collector", "--data", str(self.data), *ports, *self._flags],
                stdout=log,
                stderr=log,
                env=environ | self._environ,
            )
        return self.process

    def start(self) -> RunningCollector:
        """Returns when it is ready."""
        lock = self.data / "collector.lock"
        process = self.spawn()

        def announced() -> dict[str, Any] | None:
            assert process.poll() is None, self.log
            try:
                facts: dict[str, Any] = json.loads(lock.read_text())
            except (OSError, ValueError):
                return None
            return facts if facts.get("pid") == process.pid and facts.get("url") else None

        facts = wait_for(announced, START_TIMEOUT_S, "the collector's address")
        self.url, self.otlp_url, self.admin_url = facts["url"], facts["otlp_url"], facts["admin_url"]
        self.otlp_grpc = facts["otlp_grpc"]
        wait_for(lambda: self.get("/readyz").status == 200, START_TIMEOUT_S, "readiness")
        return self

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def send(self, body: bytes, **headers: str) -> Answer:
        return fetch(
            f"{self.otlp_url}/v1/traces",
            "POST",
            body,
            self.tls,
            **({"content_type": "application/x-protobuf"} | headers),
        )

    def get(self, path: str, **headers: str) -> Answer:
        return fetch(f"{self.url}{path}", tls=self.tls, **headers)

    def trace(self, trace_id: str) -> Any:
        """The trace, once it is there."""

        def found() -> Any:
            answer = self.get(f"/api/spanwise/traces/{trace_id}")
            return answer.json if answer.status == 200 else None

        return wait_for(found, what=f"trace {trace_id}")

    def settle(self) -> None:
        """Returns when every table has what was acknowledged; tables are filled one after another."""
        wait_for(lambda: self.waiting_bytes() == 0, 60, "an empty spool")

    def waiting_bytes(self) -> float:
        """Of the spool: what the store does not have."""
        lines = fetch(f"{self.admin_url}/metrics").body.decode().splitlines()
        name = "spanwise_collector_spool_waiting_bytes"
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 15.0) -> int:
        """Its exit code; also of one that has ended already."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
