"""What the collector's tests share."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spanwise_collector.store import ClientPool, Store
from tests.collector.golden.traces import GoldenTrace, empty_requests, golden_traces, large_trace
from tests.collector.running_collector import RunningCollector

CollectorFactory = Callable[..., RunningCollector]


@pytest.fixture(scope="package")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    """One collector with defaults for all tests that leave it as it is."""
    running = RunningCollector(tmp_path_factory.mktemp("collector") / "data").start()
    yield running
    running.stop()


@pytest.fixture(scope="package")
def golden(collector: RunningCollector) -> dict[str, GoldenTrace]:
    """The golden set by name, stored in `collector`."""
    traces = golden_traces(time.time_ns())
    for body in empty_requests():
        assert collector.send(body).status == 200
    store_traces(collector, *traces.values())
    return traces


@pytest.fixture(scope="package")
def large(collector: RunningCollector) -> GoldenTrace:
    """The golden trace of 100,000 spans, stored in `collector`."""
    trace = large_trace(time.time_ns())
    store_traces(collector, trace)
    return trace


def store_traces(collector: RunningCollector, *traces: GoldenTrace) -> None:
    """Sends them; returns when every table has them."""
    for trace in traces:
        for body in trace.requests:
            answer = collector.send(body)
            assert answer.status == 200 and not answer.body, answer.body
    collector.settle()
    for trace in traces:
        assert len(collector.trace(trace.trace_id)["spans"]) == trace.spans, trace.name


@pytest.fixture
def new_collector(tmp_path: Path) -> Iterator[CollectorFactory]:
    """A function that makes a collector in the test's folder (not started); all are killed afterwards."""
    made: list[RunningCollector] = []

    def make(
        *flags: str, data: Path | None = None, tls: ssl.SSLContext | None = None, **environ: str
    ) -> RunningCollector:
        running = RunningCollector(data or tmp_path / "data", *flags, environ=environ, tls=tls)
        made.append(running)
        return running

    yield make
    for running in made:
        if running.process is not None and running.process.poll() is None:
            running.kill()


@pytest.fixture(scope="session")
def _engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The engine in this process; it allows one folder per process, so all tests share it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("engine")
        patch.chdir(folder)
        opened = Store("chdb://", folder, 512_000_000)
        opened.open()
    yield opened
    opened.close()


@pytest.fixture
def store(_engine: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The embedded store, shared by all tests: use trace ids and service names of your own."""
    monkeypatch.chdir(tmp_path)  # the engine writes a cache into the working directory
    return _engine


@pytest.fixture
def pool(store: Store) -> Iterator[ClientPool]:
    clients = ClientPool(store, size=2, timeout_s=10)
    yield clients
    clients.close()
