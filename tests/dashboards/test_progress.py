"""The progress bar: on a terminal alone, never in a log, and gone when the work is done."""

from __future__ import annotations

import os
import pty
import select
import sys

import pytest

from spanwise_dashboards.progress import Progress


def work(steps: int) -> None:
    with Progress("saving", steps) as progress:
        for _ in range(steps):
            progress.step()


def shown_on(terminal: int) -> str:
    """Everything up to the erased line; a terminal hands it over in pieces."""
    text = ""
    while not text.endswith("\033[K") and select.select([terminal], [], [], 10)[0]:
        text += os.read(terminal, 10_000).decode()
    return text


def test_in_a_log_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    work(5)
    assert capsys.readouterr().err == ""


def test_on_a_terminal_it_counts_and_leaves_an_empty_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        work(4)
        work(1)  # nothing to wait for
        monkeypatch.undo()
        shown = shown_on(ours)
    os.close(ours)
    assert "saving" in shown and "4/4" in shown and "1/1" not in shown
    assert shown.endswith("\r\033[K")


def test_it_goes_when_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with pytest.raises(ZeroDivisionError), Progress("saving", 3) as progress:
            progress.step()
            _ = 1 / 0
        monkeypatch.undo()
        assert shown_on(ours).endswith("\r\033[K")
    os.close(ours)
