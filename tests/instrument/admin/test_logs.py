from __future__ import annotations

import json
import logging

import pytest

from spanwise.diagnosis import log_lines
from spanwise.diagnosis.log_lines import LogLine

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def kept():
    log_lines._lines.clear()
    log_lines._lines.extend(
        [
            LogLine(1_700_000_000.5, logging.INFO, "app", "started", "", "app.py:3", ""),
            LogLine(1_700_000_001.0, logging.ERROR, "app.db", HOSTILE, "ValueError: no", "db.py:9", "ab" * 16),
            LogLine(1_700_000_002.0, logging.WARNING, "application", "slow", "", "app.py:4", ""),
        ]
    )
    yield
    log_lines._lines.clear()


def messages(admin, query=""):
    return [
        each["message"]
        for each in json.loads(admin.fetch(f"/admin/logs{query}", accept="application/json").body)["lines"]
    ]


def test_the_newest_line_is_last(admin):
    text = admin.fetch("/admin/logs").text.splitlines()
    assert text[0] == "2023-11-14T22:13:20.500Z INFO app: started"
    assert text[1].endswith(f" ERROR app.db: {HOSTILE} [ValueError: no] [trace={'ab' * 16}]")
    assert len(text) == 3


def test_by_level_logger_trace_and_number(admin):
    assert messages(admin, "?level=warning") == [HOSTILE, "slow"]
    assert messages(admin, "?logger=app") == ["started", HOSTILE]
    assert messages(admin, f"?trace_id={'ab' * 16}") == [HOSTILE]
    assert messages(admin, "?n=1") == ["slow"]
    assert admin.fetch("/admin/logs?logger=none").text == "no such line\n"
    assert admin.fetch("/admin/logs?level=LOUD").status == 400


def test_the_page_escapes_what_was_logged(admin):
    page = admin.fetch("/admin/logs", accept="text/html").text
    assert "started" in page and HOSTILE not in page
