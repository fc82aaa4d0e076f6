"""Conditions on one span: SQL that holds nothing but our own text and the names of bound parameters.

The pieces are the sections of `conditions.sql`; what a user gave goes into `parameters` and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

_SECTION = re.compile(r"^-- :(\w+).*\n", re.MULTILINE)
_FILE = Path(__file__).parent / "conditions.sql"


@cache
def pieces(file: Path) -> Mapping[str, Template]:
    """The sections of a file of SQL, by name."""
    _, *parts = _SECTION.split(file.read_text(encoding="utf-8"))
    return {name: Template(text.strip()) for name, text in zip(parts[::2], parts[1::2], strict=True)}


@dataclass(frozen=True, slots=True)
class Condition:
    """`sql` is true of a span or not. `whole` says that it needs columns that only the table of whole spans has."""

    sql: str
    whole: bool = False


@dataclass(slots=True)
class Binder:
    """Makes conditions for one query, and keeps their parameters."""

    parameters: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any, kind: str) -> str:
        """The place of a value of this engine type, such as `{c3:String}`."""
        name = f"c{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"

    def piece(self, name: str, /, whole: bool = False, **words: str) -> Condition:
        """A section of `conditions.sql`. Words must be operators of ours, other pieces, or what `bind` returned."""
        return Condition(pieces(_FILE)[name].substitute(words), whole)


def every(conditions: Iterable[Condition]) -> Condition:
    return _joined(" AND ", conditions, "true")


def some(conditions: Iterable[Condition]) -> Condition:
    return _joined(" OR ", conditions, "false")


def _joined(word: str, conditions: Iterable[Condition], nothing: str) -> Condition:
    parts = tuple(conditions)
    return Condition(word.join(f"({part.sql})" for part in parts) or nothing, any(part.whole for part in parts))
