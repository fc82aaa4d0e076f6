from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from spanwise.workers.kinship import ProcessId, process_id, this_process
from spanwise.workers.run_folder import (
    AdminAddress,
    RunFolder,
    RunFolderError,
    base_folder,
    close_locks_after_fork,
    replace_file,
    try_lock,
)

_GONE = ProcessId(2**22 - 1, 1)


def _folder(service: str = "shop", root: ProcessId | None = None) -> RunFolder:
    return RunFolder(root or this_process(), service)


def test_it_is_private_and_in_the_runtime_folder(runtime: Path) -> None:
    base = base_folder()
    assert base == runtime / "spanwise"
    assert base.stat().st_mode & 0o777 == 0o700
    with _folder().gate(make=True):
        assert [path.stat().st_mode & 0o777 for path in base.iterdir()] == [0o700]


def test_without_a_runtime_folder_it_is_the_users_among_temporary_files(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for value in ("", str(tmp_path / "nowhere")):
        monkeypatch.setenv("XDG_RUNTIME_DIR", value)
        assert base_folder() == tmp_path / f"spanwise-{os.geteuid()}"


def test_what_others_could_write_is_not_trusted(runtime: Path) -> None:
    base = base_folder()
    base.chmod(0o755)
    with pytest.raises(RunFolderError, match="open to other users"):
        base_folder()
    base.rmdir()
    elsewhere = runtime / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    base.symlink_to(elsewhere)
    with pytest.raises(RunFolderError, match="not a folder"):
        base_folder()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_users_folder_is_not_trusted(runtime: Path) -> None:
    os.chown(base_folder(), 65534, 65534)
    with pytest.raises(RunFolderError, match="another user"):
        base_folder()


def test_a_lock_is_no_link_and_is_one_holders(runtime: Path) -> None:
    (runtime / "target").touch()
    (runtime / "link").symlink_to(runtime / "target")
    with pytest.raises(OSError):
        try_lock(runtime / "link")
    lock = try_lock(runtime / "lock")
    assert lock is not None and try_lock(runtime / "lock") is None
    lock.release()
    lock.release()  # harmless
    again = try_lock(runtime / "lock")
    assert again is not None
    again.release()


def test_slots_are_small_numbers_used_again(runtime: Path) -> None:
    folder = _folder()
    with folder.gate(make=True):
        slots = [folder.take_slot(this_process()) for _ in range(3)]
        assert [slot.number for slot in slots] == [1, 2, 3]
        slots[1].lock.release()
        assert [(member.number, member.alive) for member in folder.members()] == [(1, True), (2, False), (3, True)]
        folder.clear_slot(2)
        assert folder.take_slot(this_process()).number == 2
    close_locks_after_fork()  # lets go of all of them


def test_a_child_that_closes_its_copies_leaves_the_parent_its_locks(runtime: Path) -> None:
    lock = try_lock(runtime / "lock")
    assert lock is not None
    pid = os.fork()
    if pid == 0:
        close_locks_after_fork()
        os._exit(0 if try_lock(runtime / "lock") is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    lock.release()


def test_one_at_a_time_passes_the_gate(runtime: Path) -> None:
    folder = _folder()
    inside, most = 0, 0

    def pass_through() -> None:
        nonlocal inside, most
        for _ in range(10):
            with folder.gate(make=True):
                inside += 1
                most = max(most, inside)
                time.sleep(0.001)
                inside -= 1

    threads = [threading.Thread(target=pass_through) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_folder_that_was_removed_is_made_again(runtime: Path) -> None:
    folder = _folder()
    with folder.gate(make=True):
        folder.remove()
    assert not (runtime / "spanwise").exists()
    with pytest.raises(FileNotFoundError), folder.gate():
        pass
    with folder.gate(make=True):
        assert folder.exists


def test_the_address_of_the_port_is_kept(runtime: Path) -> None:
    folder = _folder()
    with folder.gate(make=True):
        assert folder.admin is None
        folder.set_admin(AdminAddress(9990, "http://127.0.0.1:9990"))
        assert folder.admin == AdminAddress(9990, "http://127.0.0.1:9990")
        (folder.path / "admin").write_text("garbage")
        assert folder.admin is None


def test_a_file_is_replaced_whole_or_not_at_all(runtime: Path) -> None:
    path = runtime / "file"
    replace_file(path, b"old")
    with pytest.raises(TypeError):
        replace_file(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"


def test_what_a_crash_has_left_is_removed_when_the_next_group_starts(runtime: Path) -> None:
    stale, held = _folder("crashed", _GONE), _folder("orphans", _GONE)
    with stale.gate(make=True):
        stale.take_slot(_GONE).lock.release()
    with held.gate(make=True):
        slot = held.take_slot(this_process())  # its master is dead, and it still answers
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        between = _folder("recycling", process_id(living.pid))  # no worker at the moment, but a master
        with between.gate(make=True), _folder().gate(make=True):
            pass
        assert not stale.exists
        assert held.exists and between.exists
    finally:
        living.kill()
        living.communicate()
        slot.lock.release()
