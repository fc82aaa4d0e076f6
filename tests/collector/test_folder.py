"""The data folder and its lock."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from spanwise_collector.folder import DataFolder, FolderError


def test_a_folder_is_made_private_and_locked(tmp_path: Path) -> None:
    first = DataFolder(tmp_path / "a" / "b")
    first.open()
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o700
    first.say(pid=os.getpid(), url="http://127.0.0.1:9411")
    with pytest.raises(FolderError) as refused:
        DataFolder(tmp_path / "a" / "b").open()
    message = str(refused.value)
    assert f"pid {os.getpid()}" in message
    assert "http://127.0.0.1:9411" in message
    assert "--data" in message
    first.close()
    again = DataFolder(tmp_path / "a" / "b")
    again.open()
    again.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match="--data"):
        DataFolder(tmp_path / "file" / "data").open()
