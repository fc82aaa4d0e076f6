"""What the demo shows: a block of addresses, notes, and one line that is updated on a terminal."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import TextIO

_RESET, _BOLD, _DIM = "\x1b[0m", "\x1b[1m", "\x1b[2m"
_RED, _GREEN, _CYAN = "\x1b[31m", "\x1b[32m", "\x1b[36m"
_CLEAR_LINE = "\r\x1b[K"


class Screen:
    """Colours and the updated line only on a terminal; NO_COLOR (no-color.org) takes the colours away.

    A terminal that is gone is no reason to fail: nothing more is shown then.
    """

    def __init__(self, output: TextIO | None = None) -> None:
        self._output = sys.stdout if output is None else output
        self.is_terminal = self._output.isatty()
        self._colours = self.is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._status_shown = False

    def bold(self, text: str) -> str:
        return self._styled(text, _BOLD)

    def dim(self, text: str) -> str:
        return self._styled(text, _DIM)

    def link(self, text: str) -> str:
        return self._styled(text, _CYAN)

    def good(self, text: str) -> str:
        return self._styled(text, _GREEN)

    def bad(self, text: str) -> str:
        return self._styled(text, _RED)

    def say(self, *lines: str) -> None:
        """Lines that stay."""
        self._clear_status()
        self._write("".join(f"{line}\n" for line in lines))

    def status(self, text: str) -> None:
        """The updated line; on anything but a terminal nothing, see `say`."""
        if self.is_terminal:
            width = shutil.get_terminal_size().columns
            self._write(f"{_CLEAR_LINE}{self.dim(text[: width - 1])}")
            self._status_shown = True

    def _clear_status(self) -> None:
        if self._status_shown:
            self._write(_CLEAR_LINE)
            self._status_shown = False

    def _styled(self, text: str, style: str) -> str:
        return f"{style}{text}{_RESET}" if self._colours else text

    def _write(self, text: str) -> None:
        try:
            self._output.write(text)
            self._output.flush()
        except (OSError, ValueError):
            self._output = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - used until the end


def columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The cells of a table, padded so that the columns stand under each other; the last one is left as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        [
            cell.ljust(width) if column < len(row) - 1 else cell
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]
