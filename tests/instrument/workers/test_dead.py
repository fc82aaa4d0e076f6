from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from spanwise.pace import Pace
from spanwise.workers import dead as dead_module
from spanwise.workers.dead import Dead
from spanwise.workers.gauges import merge_of
from spanwise.workers.kinship import ProcessId, this_process
from spanwise.workers.run_folder import RunFolder, replace_file
from spanwise.workers.snapshot import Snapshot, encode, take


def _folder() -> RunFolder:
    return RunFolder(this_process(), "shop")


def _die(folder: RunFolder, process: ProcessId, count: float, said_by: ProcessId | None = None) -> None:
    """A member that has joined, saved its counters and is gone."""
    registry = CollectorRegistry()
    Counter("jobs", "Jobs.", registry=registry).inc(count)
    Gauge("level", "A level.", registry=registry).set(count)
    slot = folder.take_slot(process)
    replace_file(slot.snapshot, encode(_taken(registry, said_by or process)))
    slot.lock.release()


def _taken(registry: CollectorRegistry, process: ProcessId) -> Snapshot:
    return take(registry.collect(), merge_of(tuple, registry), str(process), Pace(lambda: True))


def _jobs(snapshot: Snapshot) -> float:
    tables = [table for family in snapshot.families for table in family.tables if table.sample == "jobs_total"]
    return sum(row[-1] for table in tables for row in table.rows)


def test_what_the_dead_have_counted_is_added_once(runtime: Path) -> None:
    folder = _folder()
    dead = Dead(folder)
    with folder.gate(make=True):
        _die(folder, ProcessId(11, 1), 5)
        dead.fold(folder.members())
        dead.fold(folder.members())
        assert _jobs(dead.read()) == 5
        _die(folder, ProcessId(12, 1), 7)
        dead.fold(folder.members())
        assert _jobs(dead.read()) == 12
        assert [family.name for family in dead.read().families] == ["jobs"]
        assert folder.members() == []
        assert not list(folder.path.glob("*.snapshot"))


def test_a_crash_between_adding_and_removing_counts_nobody_twice(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _folder()
    with folder.gate(make=True):
        _die(folder, ProcessId(11, 1), 5)
        with monkeypatch.context() as crash:
            crash.setattr(folder, "clear_slot", lambda number: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                Dead(folder).fold(folder.members())
        successor = Dead(folder)
        successor.fold(folder.members())
        assert _jobs(successor.read()) == 5


def test_a_crash_before_the_sum_is_replaced_loses_nobody(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _folder()
    with folder.gate(make=True):
        _die(folder, ProcessId(11, 1), 5)
        with monkeypatch.context() as crash:
            crash.setattr(dead_module, "replace_file", lambda *_: (_ for _ in ()).throw(OSError("full")))
            with pytest.raises(OSError):
                Dead(folder).fold(folder.members())
        Dead(folder).fold(folder.members())
        assert _jobs(Dead(folder).read()) == 5


def test_the_snapshot_of_somebody_else_in_the_slot_is_not_counted(runtime: Path) -> None:
    folder = _folder()
    with folder.gate(make=True):
        _die(folder, ProcessId(12, 1), 7, said_by=ProcessId(11, 1))
        Dead(folder).fold(folder.members())
        assert _jobs(Dead(folder).read()) == 0


def test_a_broken_snapshot_costs_itself_and_one_line(runtime: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = _folder()
    with folder.gate(make=True):
        slot = folder.take_slot(ProcessId(12, 1))
        slot.snapshot.write_bytes(b'{"v": 1')
        _die(folder, ProcessId(11, 1), 5)
        slot.lock.release()
        Dead(folder).fold(folder.members())
        assert _jobs(Dead(folder).read()) == 5
        assert folder.members() == []
    assert len(caplog.records) == 1 and "left out" in caplog.text


def test_another_workers_change_is_seen(runtime: Path) -> None:
    folder = _folder()
    mine, theirs = Dead(folder), Dead(folder)
    with folder.gate(make=True):
        for pid in (11, 12, 13):
            _die(folder, ProcessId(pid, 1), 1)
            theirs.fold(folder.members())
            assert _jobs(mine.read()) == pid - 10


def test_one_without_a_slot_is_added_too(runtime: Path) -> None:
    folder = _folder()
    registry = CollectorRegistry()
    Counter("jobs", "Jobs.", registry=registry).inc(3)
    with folder.gate(make=True):
        _die(folder, ProcessId(11, 1), 5)
        Dead(folder).fold(folder.members())
        Dead(folder).fold_one(_taken(registry, ProcessId(0, 0)))
        assert _jobs(Dead(folder).read()) == 8
