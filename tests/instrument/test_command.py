"""The one console command: finds its parts, says what is wrong in one line."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pytest

from spanwise import __version__, command
from spanwise.command import CommandError, fail, main
from spanwise.settings import SettingError


def good(argv: list[str]) -> int:
    """Does what is asked.

    And more.
    """
    print("ran", argv)
    return 3


def wrong(argv: list[str]) -> int:
    """Is used wrongly."""
    fail("there is no such file: x; give another")


def setting(argv: list[str]) -> int:
    """Has a wrong setting."""
    raise SettingError("X=1 is out of range")


def lacking(argv: list[str]) -> int:
    """Lacks a package."""
    raise ModuleNotFoundError("No module named 'grafanalib'", name="grafanalib.core")


def broken(argv: list[str]) -> int:
    """Lacks a module of our own."""
    raise ModuleNotFoundError("No module named 'spanwise.x'", name="spanwise.x")


def interrupted(argv: list[str]) -> int:
    """Is interrupted."""
    raise KeyboardInterrupt


class Entry:
    def __init__(self, name: str, function: Any) -> None:
        self.name = name
        self.function = function

    def load(self) -> Any:
        if isinstance(self.function, Exception):
            raise self.function
        return self.function


@pytest.fixture(autouse=True)
def entries(monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    found = [Entry(f.__name__, f) for f in (good, wrong, setting, lacking, broken, interrupted)]
    monkeypatch.setattr(command, "entry_points", lambda group: found)
    return found


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"], ["help"]])
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["good", "Does", "what", "is", "asked."] for line in lines)
    assert "And more." not in "\n".join(lines)


def test_help_survives_a_part_that_cannot_be_loaded(entries: list[Entry], capsys: pytest.CaptureFixture[str]) -> None:
    entries.append(Entry("absent", ModuleNotFoundError("No module named 'absent_part'", name="absent_part")))
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "Does what is asked." in out
    assert "absent" in out


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_version(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([flag]) == 0
    assert capsys.readouterr().out == f"spanwise {__version__}\n"


def test_runs_with_what_follows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["good", "--x", "1"]) == 3
    assert "ran ['--x', '1']" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrong", "spanwise wrong: there is no such file: x; give another"),
        ("setting", "spanwise setting: X=1 is out of range"),
        ("lacking", "spanwise lacking: the package 'grafanalib.core' is not installed: pip install 'spanwise[all]'"),
        ("goood", "spanwise: there is no command 'goood': did you mean `spanwise good`?"),
        ("xyz", "spanwise: there is no command 'xyz': `spanwise --help` lists the commands."),
    ],
)
def test_one_line_and_code_2(name: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name]) == 2
    captured = capsys.readouterr()
    assert captured.err == f"{message}\n"
    assert captured.out == ""


def test_a_fault_of_our_own_is_not_explained_away() -> None:
    with pytest.raises(ModuleNotFoundError):
        main(["broken"])


def test_interrupted() -> None:
    assert main(["interrupted"]) == 130


def test_fail_is_a_command_error() -> None:
    with pytest.raises(CommandError, match="why"):
        fail("why")


def test_every_entry_point_of_the_distribution_loads_and_says_what_it_does() -> None:
    real: list[EntryPoint] = list(entry_points(group=command.GROUP))
    assert {"collector", "dashboards", "demo"} <= {entry.name for entry in real}
    for entry in real:
        assert (entry.load().__doc__ or "").strip(), entry.name


def test_help_loads_nothing_heavy() -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "spanwise.command", "--help"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert time.monotonic() - began < 5
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"flask", "requests", "chdb", "clickhouse_connect", "grafanalib", "opentelemetry.sdk.trace"}
    assert "usage: spanwise" in done.stdout
