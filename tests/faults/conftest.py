"""What the fault tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.collector.running_collector import RunningCollector
from tests.faults.collector_under_load import Load

CollectorFactory = Callable[..., RunningCollector]


@pytest.fixture
def new_collector(tmp_path: Path) -> Iterator[CollectorFactory]:
    """A function that makes a collector (not started); all are killed afterwards."""
    made: list[RunningCollector] = []

    def make(*flags: str, data: Path | None = None, **environ: str) -> RunningCollector:
        running = RunningCollector(data or tmp_path / "data", *flags, environ=environ)
        made.append(running)
        return running

    yield make
    for running in made:
        if running.process is not None and running.process.poll() is None:
            running.kill()


@pytest.fixture
def load() -> Iterator[Load]:
    """Started; aim it at a collector."""
    running = Load().start()
    yield running
    running.stop()
