"""`spanwise dashboards generate` as a user calls it: exit codes, and one clear line for what goes wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from spanwise.command import main


def generate(*arguments: str | Path) -> int:
    return main(["dashboards", "generate", *map(str, arguments)])


def test_generate_writes_and_check_then_agrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate("--out", tmp_path) == 0
    assert capsys.readouterr().out == f"{tmp_path}: 13 files, 13 of them written\n"
    assert generate("--out", tmp_path, "--check") == 0
    assert generate("--out", tmp_path) == 0
    assert "0 of them written" in capsys.readouterr().out


def test_check_names_what_differs_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate("--out", tmp_path)
    board = tmp_path / "grafana/dashboards/spanwise-fleet.json"
    board.write_text("{}")
    assert generate("--out", tmp_path, "--check") == 1
    errors = capsys.readouterr().err.splitlines()
    assert errors[0] == f"{board}: differs from what is generated"
    assert len(errors) == 2
    assert board.read_text() == "{}"


def test_check_of_an_empty_folder_names_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate("--out", tmp_path / "none", "--check") == 1
    assert len(capsys.readouterr().err.splitlines()) == 14
    assert not (tmp_path / "none").exists()


def test_a_flag_given_twice_adds_up(tmp_path: Path) -> None:
    assert generate("--out", tmp_path, "--static-target", "a:1", "--static-target", "b:2") == 0
    document = yaml.safe_load((tmp_path / "prometheus/prometheus.yml").read_text())
    assert document["scrape_configs"][-1]["static_configs"] == [{"targets": ["a:1", "b:2"]}]


def test_the_environment_is_read_and_a_flag_beats_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANWISE_DASHBOARDS_OUT", str(tmp_path))
    monkeypatch.setenv("SPANWISE_COLLECTOR_URL", "http://one:9411")
    assert generate() == 0
    assert "http://one:9411/sd/prometheus" in (tmp_path / "prometheus/prometheus.yml").read_text()
    assert generate("--collector-url", "http://two:9411/") == 0
    for path in ("prometheus/prometheus.yml", "grafana/dashboards/spanwise-service.json"):
        text = (tmp_path / path).read_text()
        assert "http://two:9411/" in text and "one:9411" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--out is missing: give the folder to write to"),
        (["--out", "/dev/null/x"], "cannot use /dev/null"),
        (["--out", "x", "--static-target", "nowhere"], "--static-target='nowhere' is not one or more HOST:PORT"),
        (["--out", "x", "--static-target", "a:99999"], "--static-target='a:99999' is not"),
        (["--out", "x", "--scrape-interval", "2m"], "--scrape-interval='2m' is out of range: allowed is 0.1 to 60"),
        (["--out", "x", "--collector-url", "collector"], "--collector-url='collector' is not an http"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("spanwise dashboards: ") and message in error
    assert len(error.splitlines()) == 1


def test_the_module_is_light() -> None:
    """`spanwise --help` loads it for one line of help."""
    code = "import sys, spanwise_dashboards.commands; print([m for m in ('grafanalib', 'yaml') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
