"""Fixtures that several parts' tests use."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.browser import Browser
from tests.certificates import make_certificate

# A shell starts what runs in its background with SIGINT ignored, and so would every process be that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes are numbered, not shown: compressed ones hold the time and would give each run other names."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A running Chromium, the same for all tests; `browser.open(url)` gives each its own tab."""
    chromium = Browser()
    yield chromium
    chromium.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate of this machine and its key, in files."""
    return make_certificate(tmp_path_factory.mktemp("tls"))
