"""Real parts for the dashboards' tests: promtool, and a Prometheus filled with data made from the standard."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from spanwise.standard import METRICS, Kind, Metric, ServiceKind
from spanwise_dashboards.collector_metrics import COLLECTOR_METRICS
from spanwise_dashboards.rules import recording_rules

STEP_S = 15
SPAN_S = 3600
END_S = 1_760_000_000 // STEP_S * STEP_S  # any fixed time: Prometheus keeps 15 days back from its newest sample

EVERY, LINUX = ServiceKind.EVERY, ServiceKind.LINUX
# What few services have.
OWN_KINDS = (
    ServiceKind.DATABASE,
    ServiceKind.MESSAGING,
    ServiceKind.CIRCUIT_BREAKER,
    ServiceKind.EVENT_LOOP,
    ServiceKind.EXECUTOR,
    ServiceKind.CGROUP,
)
# What each synthetic service is; `worker` serves no requests, `catalog` makes none and never fails.
KINDS: dict[str, frozenset[ServiceKind]] = {
    "gateway": frozenset({EVERY, LINUX, ServiceKind.HTTP_SERVER, ServiceKind.HTTP_CLIENT, ServiceKind.SLO}),
    "catalog": frozenset({EVERY, LINUX, ServiceKind.HTTP_SERVER}),
    "worker": frozenset({EVERY, ServiceKind.HTTP_CLIENT, *OWN_KINDS}),
    "traces": frozenset({EVERY, ServiceKind.COLLECTOR}),
}
_FAILING_SERVERS = {"gateway"}
_FAILING_CLIENTS = {"worker"}
_LABEL_VALUES = {
    "http_request_method": ("GET",),
    "http_route": ("/albums", ""),
    "server_address": ("catalog.local",),
    "slo": ("availability",),
    "outcome": ("good",),
    "generation": ("0", "2"),
    "messaging_destination_name": ("orders",),
}


@dataclass(frozen=True)
class Prometheus:
    """A running server, and what kind of service each of those in its data is."""

    url: str
    kinds: dict[str, frozenset[ServiceKind]]

    def query(self, expr: str, at: float = END_S) -> list[dict[str, Any]]:
        """Series of an instant query; NaN counts as no data."""
        body = self._get("query", {"query": expr, "time": at})
        return [series for series in body["result"] if series["value"][1] != "NaN"]

    def query_range(self, expr: str, seconds: int = 1800, step: int = STEP_S, end: int = END_S) -> list[dict[str, Any]]:
        body = self._get("query_range", {"query": expr, "start": end - seconds, "end": end, "step": step})
        return [series for series in body["result"] if any(value != "NaN" for _, value in series["values"])]

    def _get(self, what: str, parameters: dict[str, Any]) -> dict[str, Any]:
        address = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=20) as response:
                body = json.load(response)
        except urllib.error.HTTPError as error:
            pytest.fail(f"Prometheus refused {parameters['query']}: {error.read().decode()}")
        data: dict[str, Any] = body["data"]
        return data


def _binary(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.fail(
            f"{name} is missing: install Debian's package prometheus (apt-get install prometheus)", pytrace=False
        )
    return path


@pytest.fixture(scope="session")
def promtool() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs promtool; the caller looks at the exit code. Missing, it is a failure: a skipped check checks nothing."""
    binary = _binary("promtool")

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, timeout=60)

    return run


def _values(label: str, service: str) -> tuple[str, ...]:
    if label == "http_response_status_code":
        return ("200", "500") if service in _FAILING_SERVERS else ("200",)
    if label == "error_type":
        return ("", "timeout") if service in _FAILING_CLIENTS else ("",)
    return _LABEL_VALUES.get(label, ("x",))


def _label_sets(metric: Metric, service: str) -> Iterator[dict[str, str]]:
    sets: list[dict[str, str]] = [{}]
    for label in metric.labels:
        sets = [{**one, label: value} for one in sets for value in _values(label, service)]
    identity = {
        "service_name": service,
        "service_version": "1.0",
        "deployment_environment_name": "test",
        "job": "spanwise",
        "instance": f"{service}:9990",
    }
    yield from ({**one, **identity} for one in sets)


def _samples(metric: Metric, labels: dict[str, str], tick: int) -> Iterator[tuple[str, dict[str, str], float]]:
    """What one scrape of one label set returns, `tick` scrapes after the start."""
    if metric.kind is Kind.GAUGE:
        yield metric.name, labels, 1.0 if metric.domain[1] == 1.0 else 5.0
    elif metric.kind is Kind.COUNTER:
        yield metric.name, labels, float(tick)
    else:
        bounds = (*(metric.buckets or (0.1, 1.0)), float("inf"))
        for index, bound in enumerate(bounds):
            le = "+Inf" if bound == float("inf") else f"{bound:g}"
            yield f"{metric.name}_bucket", {**labels, "le": le}, float(tick * min(10, 2 * (index + 1)))
        yield f"{metric.name}_sum", labels, tick * 0.5
        yield f"{metric.name}_count", labels, float(tick * 10)


def synthetic(kinds: dict[str, frozenset[ServiceKind]]) -> str:
    """OpenMetrics text of `SPAN_S` seconds of every metric of the standard, for each service that has it."""
    lines: list[str] = []
    for metric in (*METRICS, *COLLECTOR_METRICS):
        family = metric.name.removesuffix("_total") if metric.kind is Kind.COUNTER else metric.name
        lines.append(f"# TYPE {family} {metric.kind.value}")
        for service in (name for name, has in kinds.items() if metric.had_by in has):
            for labels in _label_sets(metric, service):
                for tick in range(SPAN_S // STEP_S + 1):
                    at = END_S - SPAN_S + tick * STEP_S
                    for name, full, value in _samples(metric, labels, tick):
                        text = ",".join(f'{key}="{item}"' for key, item in full.items())
                        lines.append(f"{name}{{{text}}} {value:g} {at}")
    return "\n".join([*lines, *_recorded(kinds), "# EOF", ""])


def _recorded(kinds: dict[str, frozenset[ServiceKind]]) -> Iterator[str]:
    """What the rules of SLOs have recorded: boards and other rules read it."""
    for rule in recording_rules():
        if rule.needs is not ServiceKind.SLO:
            continue
        yield f"# TYPE {rule.record} gauge"
        for service in (name for name, has in kinds.items() if ServiceKind.SLO in has):
            labels = f'deployment_environment_name="test",service_name="{service}",slo="availability"'
            for at in range(END_S - SPAN_S, END_S + 1, STEP_S):
                yield f"{rule.record}{{{labels}}} 0.5 {at}"


@pytest.fixture(scope="package")
def prometheus(
    tmp_path_factory: pytest.TempPathFactory, promtool: Callable[..., subprocess.CompletedProcess[str]]
) -> Iterator[Prometheus]:
    """Debian's Prometheus on a free port, with an hour of the three synthetic services."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "history.om").write_text(synthetic(KINDS))
    filled = promtool("tsdb", "create-blocks-from", "openmetrics", folder / "history.om", folder / "data")
    assert filled.returncode == 0, filled.stderr
    with running_prometheus(folder / "data", folder) as server:
        yield server


@pytest.fixture(scope="session", name="start_prometheus")
def _start_prometheus() -> Callable[..., Any]:
    return running_prometheus


@contextmanager
def running_prometheus(data: Path, folder: Path, config: str = "scrape_configs: []\n") -> Iterator[Prometheus]:
    """Debian's Prometheus on a free port, over the blocks in `data`."""
    (folder / "prometheus.yml").write_text(config)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                _binary("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={data}",
                "--storage.tsdb.retention.time=100y",  # what is back-filled lies long back
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/-/ready", process, folder / "log")
            yield Prometheus(f"http://127.0.0.1:{port}", KINDS)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"Prometheus did not become ready:\n{log.read_text()[-2000:]}")
