"""Tokens from the environment or a file; a changed file is read again, so tokens rotate without a restart."""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
from pathlib import Path

log = logging.getLogger(__name__)


class Tokens:
    """The tokens for one kind of access. Thread-safe."""

    def __init__(self, token: str | None, path: Path | None) -> None:
        """Raises OSError when the file cannot be read, and ValueError when it is empty."""
        self._given = (token.strip(),) if token and token.strip() else ()
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._from_file: tuple[str, ...] = ()
        self._lock = threading.Lock()
        if path is not None:
            self._read(path)

    def __bool__(self) -> bool:
        """Whether a token is asked for at all. A file that has been emptied still asks for one: nobody gets in."""
        return bool(self._given) or self._path is not None

    def accepts(self, presented: str) -> bool:
        """Compares with each in constant time."""
        if not presented:
            return False
        found = False
        for token in (*self._given, *self._current()):
            found |= hmac.compare_digest(token.encode(), presented.encode())
        return found

    def _current(self) -> tuple[str, ...]:
        if self._path is None:
            return ()
        with self._lock:
            try:
                stat = self._path.stat()
                if (stat.st_mtime_ns, stat.st_size) != self._stamp:
                    self._read(self._path)
            except (OSError, ValueError) as error:
                if self._stamp is not None:
                    log.warning("the tokens of %s stay as they were: %s", self._path, error)
                    self._stamp = None
            return self._from_file

    def _read(self, path: Path) -> None:
        stat = path.stat()
        tokens = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
        if not tokens:
            raise ValueError(f"{path} has no token in it; write one a line")
        self._from_file = tokens
        self._stamp = (stat.st_mtime_ns, stat.st_size)


def digest(token: str) -> str:
    """What is remembered of a token: enough to recognise it, not enough to use it. Empty for none."""
    return hashlib.sha256(token.encode()).hexdigest()[:32] if token else ""
