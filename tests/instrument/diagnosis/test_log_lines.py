from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from spanwise.diagnosis import log_lines
from spanwise.diagnosis.log_lines import KEPT, lines, watch_log

log = logging.getLogger("kept.lines")


@pytest.fixture(autouse=True)
def watched() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    log_lines._lines.clear()
    watch_log()
    yield
    logging.setLogRecordFactory(before)
    log_lines._lines.clear()


def test_lines_are_kept_as_they_were_when_they_were_logged() -> None:
    basket = ["apple"]
    log.warning("basket %s", basket)
    basket.append("pear")
    [line] = lines()
    assert (line.text, line.level, line.logger) == ("basket ['apple']", logging.WARNING, "kept.lines")
    assert line.where.startswith("test_log_lines.py:")


def test_an_exception_is_its_class_and_message() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        log.exception("failed")
    assert lines()[0].error == "ValueError: no"


def test_secrets_are_not_shown() -> None:
    log.error("cannot reach %s", "https://user:hunter2@db.example/x")
    assert "hunter2" not in lines()[0].text


def test_a_level_that_is_off_leaves_nothing_and_the_number_is_bounded() -> None:
    log.debug("nothing")
    assert lines() == []
    for number in range(KEPT + 5):
        log.warning("%d", number)
    assert (len(lines()), lines()[-1].text) == (KEPT, str(KEPT + 4))


def test_arguments_that_do_not_fit_harm_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    log.warning("%d", "x")
    assert lines() == []


def test_a_record_that_was_only_made_is_no_line() -> None:
    logging.makeLogRecord({"name": "made", "msg": "elsewhere", "levelno": 40})
    assert lines() == []


def test_watching_twice_keeps_each_line_once() -> None:
    watch_log()
    log.warning("once")
    assert len(lines()) == 1
