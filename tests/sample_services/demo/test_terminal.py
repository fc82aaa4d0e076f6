from __future__ import annotations

import io

import pytest

from spanwise_samples.demo._terminal import Screen, columns


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_are_colours_and_an_updated_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    output = Terminal()
    screen = Screen(output)
    screen.status("one")
    screen.status("two")
    screen.say(screen.bold("three"))
    assert output.getvalue() == "\r\x1b[K\x1b[2mone\x1b[0m\r\x1b[K\x1b[2mtwo\x1b[0m\r\x1b[K\x1b[1mthree\x1b[0m\n"


def test_no_color_takes_the_colours_and_leaves_the_updated_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    output = Terminal()
    screen = Screen(output)
    screen.status("one")
    screen.say(screen.bad("two"))
    assert output.getvalue() == "\r\x1b[Kone\r\x1b[Ktwo\n"


def test_in_a_file_there_is_neither() -> None:
    output = io.StringIO()
    screen = Screen(output)
    screen.status("one")
    screen.say(screen.good("two"))
    assert output.getvalue() == "two\n"


def test_a_line_is_cut_at_the_width_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("NO_COLOR", "1")
    output = Terminal()
    Screen(output).status("x" * 100)
    assert output.getvalue().count("x") == 19


def test_a_terminal_that_is_gone_is_no_error() -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    screen = Screen(Gone())
    screen.say("one")
    screen.say("two")


def test_columns_stand_under_each_other() -> None:
    assert columns([("a", "bb", "c"), ("aaa", "b", "cc")]) == [["a  ", "bb", "c"], ["aaa", "b ", "cc"]]
