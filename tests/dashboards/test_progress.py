"""The progress bar: on a terminal alone, never in a log, and gone when the work is done."""

from __future__ import annotations

import os
import pty
import sys

import pytest

from spanwise_dashboards.progress import Progress


def work(steps: int) -> None:
    with Progress("saving", steps) as progress:
        for _ in range(steps):
            progress.step()


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
        shown = os.read(ours, 10_000).decode()
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
        assert os.read(ours, 10_000).decode().endswith("\r\033[K")
    os.close(ours)
