"""Files are replaced whole, only when they differ, and drift is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spanwise_dashboards import output
from spanwise_dashboards.output import differences, write

TREE = {"a/one.json": "1\n", "two.yml": "zwei – ü\n"}


def test_what_is_written_does_not_differ(tmp_path: Path) -> None:
    assert differences(TREE, tmp_path) == ["a/one.json", "two.yml"]
    assert write(TREE, tmp_path) == ["a/one.json", "two.yml"]
    assert differences(TREE, tmp_path) == []
    assert (tmp_path / "two.yml").read_bytes() == "zwei – ü\n".encode()


@pytest.mark.parametrize("damage", [lambda path: path.write_text("1"), lambda path: path.unlink()])
def test_a_changed_or_missing_file_differs(tmp_path: Path, damage: object) -> None:
    write(TREE, tmp_path)
    assert callable(damage)
    damage(tmp_path / "a/one.json")
    assert differences(TREE, tmp_path) == ["a/one.json"]


def test_a_file_that_is_right_is_left_alone(tmp_path: Path) -> None:
    write(TREE, tmp_path)
    os.utime(tmp_path / "two.yml", ns=(1, 1))
    assert write({**TREE, "a/one.json": "2\n"}, tmp_path) == ["a/one.json"]
    assert (tmp_path / "two.yml").stat().st_mtime_ns == 1


def test_files_can_be_read_by_another_user(tmp_path: Path) -> None:
    write(TREE, tmp_path)
    assert (tmp_path / "two.yml").stat().st_mode & 0o777 == 0o644


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(TREE, tmp_path)

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output.os, "fchmod", no_space)
    with pytest.raises(OSError, match="No space left"):
        write({"two.yml": "three\n"}, tmp_path)
    assert (tmp_path / "two.yml").read_text() == TREE["two.yml"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "two.yml"]


def test_other_files_in_the_folder_are_not_ours(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}")
    write(TREE, tmp_path)
    assert differences(TREE, tmp_path) == []
    assert (tmp_path / "mine.json").read_text() == "{}"
