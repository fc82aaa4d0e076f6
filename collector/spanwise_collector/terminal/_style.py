"""Text for a terminal: colours where they show, widths in cells, and nothing that a span's name could do to it."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from dataclasses import dataclass

_RESET = "\x1b[0m"
DIM, BOLD, RED = "2", "1", "31"
# Distinct on dark and on light, none of them the red of errors.
_SERVICES = ("36", "33", "35", "32", "34", "96", "93", "95", "92", "94")


@dataclass(frozen=True, slots=True)
class Style:
    """How wide the output is in cells, whether it has colours, and whether it can show more than ASCII."""

    width: int
    coloured: bool
    unicode: bool

    @classmethod
    def of_stdout(cls) -> Style:
        encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
        coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return cls(shutil.get_terminal_size((120, 24)).columns, coloured, encoding.startswith("utf"))

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}{_RESET}" if self.coloured and text else text


class ServiceColours:
    """The same colour for a service wherever it shows, as long as this runs."""

    def __init__(self) -> None:
        self._codes: dict[str, str] = {}

    def __getitem__(self, service: str) -> str:
        return self._codes.setdefault(service, _SERVICES[len(self._codes) % len(_SERVICES)])


def plain(text: str) -> str:
    """Without control characters: what a service sends must not move the cursor or change the colours."""
    return "".join(character if character.isprintable() else "�" for character in text)


def cells(text: str) -> int:
    """How many cells a terminal gives it."""
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def fitted(text: str, width: int, mark: str = "…") -> str:
    """Exactly `width` cells: cut with a mark, or filled up."""
    if cells(text) > width:
        kept = ""
        for character in text:
            if cells(kept) + cells(character) > width - len(mark):
                break
            kept += character
        text = kept + mark if width > 0 else ""
    return text + " " * (width - cells(text))


def duration(ns: int) -> str:
    """`850 ns`, `12.3 µs`, `4.56 ms`, `1.23 s`, `2 min 5 s`, `3 h 12 min`: three digits."""
    if ns < 1000:
        return f"{ns} ns"
    for unit, size in (("µs", 10**3), ("ms", 10**6), ("s", 10**9)):
        value = ns / size
        digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
        if round(value, digits) < (60 if unit == "s" else 1000):
            return f"{value:.{digits}f} {unit}"
    seconds = round(ns / 10**9)
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"
