"""Conditions on one span: SQL that holds nothing but our own text and the names of bound parameters.

The pieces are the sections of `conditions.sql`; what a user gave goes into `parameters` and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
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
    """`sql` is true of a span or not. `whole` says that it needs columns that only the table of whole spans has.

    `needed` is true of every span of which `sql` is, and much cheaper to find out; empty where there is no such thing.
    """

    sql: str
    whole: bool = False
    needed: str = ""


@dataclass(slots=True)
class Binder:
    """Makes conditions for one query, and keeps their parameters."""

    parameters: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any, kind: str) -> str:
        """The place of a value of this engine type, such as `{c3:String}`."""
        name = f"c{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"

    def piece(self, name: str, /, whole: bool = False, cheap: bool = False, **words: str) -> Condition:
        """A section of `conditions.sql`. Words must be operators of ours, other pieces, or what `bind` returned.

        `cheap` says that it reads small columns only, so that it can be found out before others.
        """
        sql = pieces(_FILE)[name].substitute(words)
        return Condition(sql, whole, sql if cheap else "")

    def first(self, condition: Condition, times: str) -> str:
        """What is looked at before the columns that are dear to read; `times` are the query's own bounds on `start`."""
        return self.piece("first", needed=condition.needed, times=times).sql if condition.needed else ""


def every(conditions: Iterable[Condition]) -> Condition:
    parts = tuple(conditions)
    needed = [part.needed for part in parts if part.needed]
    return Condition(
        _joined(" AND ", [part.sql for part in parts], "true"), _whole(parts), _joined(" AND ", needed, "")
    )


def some(conditions: Iterable[Condition]) -> Condition:
    parts = tuple(conditions)
    needed = [part.needed for part in parts] if all(part.needed for part in parts) else []
    return Condition(_joined(" OR ", [part.sql for part in parts], "false"), _whole(parts), _joined(" OR ", needed, ""))


def _whole(parts: Iterable[Condition]) -> bool:
    return any(part.whole for part in parts)


def _joined(word: str, parts: Sequence[str], nothing: str) -> str:
    return word.join(f"({part})" for part in parts) or nothing
