"""Fixtures for the library's core: a collector to misbehave, and services in processes of their own."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry.context import Context

pytest.register_assert_rewrite("tests.instrument.http_contract", "tests.instrument.pipeline")

from tests.instrument.collector_sink import CollectorSink  # noqa: E402 - after the line above


@pytest.fixture
def sink() -> Iterator[CollectorSink]:
    collector = CollectorSink()
    yield collector
    collector.stop()


@pytest.fixture(autouse=True)
def clean_context() -> Iterator[None]:
    """No test sees the current span of another one."""
    otel_context.attach(Context())
    yield
    otel_context.attach(Context())


def clean_environ(**more: str) -> dict[str, str]:
    """The environment of a service: nothing of this machine's OpenTelemetry, and an admin port of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANWISE_"))}
    return {**kept, "SPANWISE_ADMIN_HOST": "127.0.0.1", "SPANWISE_ADMIN_PORT": "0", **more}


class Ran:
    """What a script printed as its last line (JSON), all it wrote, and how it ended."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.stderr = done.stderr
        self.stdout = done.stdout

    @property
    def json(self) -> Any:
        assert self.code == 0, self.stderr
        return json.loads(self.stdout.splitlines()[-1])


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    """Runs a script in a process of its own: `run(source, OTEL_SERVICE_NAME="x").json`."""

    def run_script(source: str, *arguments: str, stdin: str = "", **environ: str) -> Ran:
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(source))
        done = subprocess.run(
            [sys.executable, str(script), *arguments],
            env=clean_environ(**environ),
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=150,  # a starved machine is no fault
            check=False,
        )
        return Ran(done)

    return run_script


class _Said(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the library has logged, line by line."""
    logger, handler = logging.getLogger("spanwise"), _Said()
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield handler.lines
    logger.removeHandler(handler)
    logger.setLevel(level)
