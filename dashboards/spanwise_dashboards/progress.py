"""A progress bar on the error output, where that is a terminal and there is something to wait for."""

from __future__ import annotations

import sys
from types import TracebackType

_WIDTH = 30


class Progress:
    """Counts steps: `with Progress("publishing", 12) as progress: progress.step()`."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._done = what, total, 0
        self._shown = sys.stderr.isatty() and total > 1

    def step(self) -> None:
        self._done += 1
        self._draw()

    def _draw(self) -> None:
        if self._shown:
            filled = _WIDTH * self._done // self._total
            bar = "█" * filled + "░" * (_WIDTH - filled)
            sys.stderr.write(f"\r{self._what} {bar} {self._done}/{self._total}")
            sys.stderr.flush()

    def __enter__(self) -> Progress:
        self._draw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            sys.stderr.write("\r\033[K")
