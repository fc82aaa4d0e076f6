"""Fixtures that several parts' tests use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A running Chromium, the same for all tests; `browser.open(url)` gives each its own tab."""
    chromium = Browser()
    yield chromium
    chromium.close()
