from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from spanwise.workers import janitor
from spanwise.workers.kinship import process_id
from spanwise.workers.member import start_janitor
from tests.instrument.workers.conftest import eventually


def _living() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)


def _group(runtime: Path) -> Path:
    group = runtime / "spanwise" / "0123456789abcdef"
    group.mkdir(parents=True)
    for name in ("gate", "dead", "owner"):
        (group / name).touch()
    return group


def _run(group: Path, root: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    process = process_id(root.pid)
    arguments = (str(group), str(process.pid), str(process.started))
    return subprocess.Popen([sys.executable, "-I", "-S", janitor.__file__, *arguments])


def test_the_folder_goes_with_the_master(runtime: Path) -> None:
    group, root = _group(runtime), _living()
    started = _run(group, root)
    try:
        with_master = subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)"], check=True)
        assert with_master.returncode == 0 and group.is_dir() and started.poll() is None
    finally:
        root.kill()
        root.communicate()
    assert started.wait(5) == 0
    assert not (runtime / "spanwise").exists()


def test_it_leaves_the_folder_to_a_new_worker(runtime: Path) -> None:
    group, root = _group(runtime), _living()
    started = _run(group, root)
    (group / "1.member").touch()
    try:
        assert started.wait(5) == 0
        assert group.is_dir()
    finally:
        root.kill()
        root.communicate()


def test_it_is_started_as_a_process_of_its_own_and_without_a_warning(runtime: Path) -> None:
    group, root = _group(runtime), _living()
    start_janitor(group, process_id(root.pid))
    root.kill()
    root.communicate()
    eventually(lambda: not group.exists())
