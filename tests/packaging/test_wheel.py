"""The wheel holds all four packages with what is not Python, and works where nothing else is installed."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("instrument/spanwise", "collector/spanwise_collector", "dashboards/spanwise_dashboards")
SAMPLES = "sample_services/spanwise_samples"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = folder.glob("spanwise-*.whl")
    return found


def test_it_holds_every_file_of_the_four_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    listed = subprocess.run(
        ["git", "ls-files", *SOURCES, SAMPLES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wanted = {name.partition("/")[2] for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    assert len(wanted) > 200
    assert wanted - packed == set()
    assert {f"{package}/py.typed" for package in ("spanwise", "spanwise_collector")} <= packed


def test_a_service_installs_two_dependencies(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    bare = [one for one in metadata.get_all("Requires-Dist", []) if "extra ==" not in one]
    assert sorted(one.split(">")[0] for one in bare) == ["opentelemetry-sdk", "prometheus-client"]
    assert {"all", "collector", "dashboards", "dev", "samples"} == set(metadata.get_all("Provides-Extra", []))
    assert metadata["License-Expression"] == "Apache-2.0"


def test_the_command_works_where_nothing_else_is_installed(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=True)
    python = str(tmp_path / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", str(wheel)], check=True)
    shown = subprocess.run([tmp_path / "bin" / "spanwise", "--help"], capture_output=True, text=True, timeout=30)
    assert shown.returncode == 0, shown.stderr
    assert "collector" in shown.stdout and "dashboards" in shown.stdout
    refused = subprocess.run([tmp_path / "bin" / "spanwise", "collector"], capture_output=True, text=True, timeout=30)
    assert refused.returncode == 2
    assert "pip install 'spanwise[collector]'" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
