"""The data folder, locked: one collector at a time may write into it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any

_LOCK = "collector.lock"


class FolderError(Exception):
    """The folder cannot be used: one line that says why, and the flag that names another."""


class DataFolder:
    """Holds the lock from `open` to `close`; the lock goes with the process, however it ends.

    The lock file says who holds it: `{"pid", "url", "otlp_url", "otlp_grpc", "admin_url"}`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._file: int | None = None

    def open(self) -> None:
        """Makes the folder (mode 0700) and locks it. Raises FolderError."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path = self.path.resolve()
            self._file = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FolderError(
                f"the data folder {self.path} cannot be used: {error.strerror}: choose another with --data"
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = self._holder()
            self.close()
            raise FolderError(
                f"the data folder {self.path} is used by another collector{holder}: stop it, or choose another folder"
                " with --data"
            ) from None
        self.say(pid=os.getpid())

    def say(self, **facts: Any) -> None:
        """Replaces what the lock file says."""
        assert self._file is not None
        text = json.dumps(facts).encode() + b"\n"
        os.pwrite(self._file, text, 0)
        os.ftruncate(self._file, len(text))

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _holder(self) -> str:
        """`" (pid 12, http://127.0.0.1:9411)"`, or empty."""
        with contextlib.suppress(OSError, ValueError):
            facts = json.loads((self.path / _LOCK).read_text(encoding="utf-8"))
            return f" (pid {facts['pid']}{', ' + facts['url'] if facts.get('url') else ''})"
        return ""
