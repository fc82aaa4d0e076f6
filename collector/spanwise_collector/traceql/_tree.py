"""The typed tree of a TraceQL query. `at` is the column, from 1, that an error message names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class TraceQLError(ValueError):
    """A query that cannot be run: one line with the column, what is wrong there, and what would be right."""


class Type(Enum):
    """What is known of an expression before any span is seen; an attribute may be of any type."""

    ANY = "an attribute"
    STRING = "text"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    STATUS = "a status"
    KIND = "a kind"
    NIL = "nil"


@dataclass(frozen=True, slots=True)
class Literal:
    """`value` of a duration is nanoseconds; of a status or kind its name; of nil None. `text` is how it is written."""

    type: Type
    value: str | int | float | bool | None
    at: int
    text: str = ""
    is_duration: bool = False


@dataclass(frozen=True, slots=True)
class Attribute:
    """`scope` is "" for a span's or else its resource's attribute; `text` is how the query writes it."""

    scope: str
    name: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Intrinsic:
    """`name` is the one out of `_fields.INTRINSICS`; `text` is how the query writes it."""

    name: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str
    operand: Field
    at: int
    depth: int


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`function` is count, min, max, avg or sum; `of` is None for count."""

    function: str
    of: Field | None
    at: int


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: Field
    right: Field
    at: int
    depth: int


# An Aggregate stands only in a ScalarFilter.
Field: TypeAlias = Literal | Attribute | Intrinsic | Unary | Binary | Aggregate


@dataclass(frozen=True, slots=True)
class Filter:
    """`{ ... }`; no condition means every span."""

    condition: Field | None


@dataclass(frozen=True, slots=True)
class Combine:
    """`operator` is &&, ||, or a structural one."""

    operator: str
    left: Spanset
    right: Spanset
    depth: int


@dataclass(frozen=True, slots=True)
class ScalarFilter:
    comparison: Binary


@dataclass(frozen=True, slots=True)
class By:
    field: Field


@dataclass(frozen=True, slots=True)
class Coalesce:
    pass


@dataclass(frozen=True, slots=True)
class Select:
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The first stage is a spanset."""

    stages: tuple[Stage, ...]
    depth: int


Spanset: TypeAlias = Filter | Combine | Pipeline
Stage: TypeAlias = Filter | Combine | Pipeline | ScalarFilter | By | Coalesce | Select


@dataclass(frozen=True, slots=True)
class Metric:
    """`function` is rate, ..._over_time or compare; `of` is what is measured, or which spans compare selects."""

    function: str
    of: Field | None
    at: int
    quantiles: tuple[float, ...] = ()
    by: tuple[Field, ...] = ()
    top: int = 10
    selection_window_ns: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Rank:
    """`largest` is topk, else bottomk: at each time only so many series."""

    largest: bool
    count: int


@dataclass(frozen=True, slots=True)
class Query:
    pipeline: Pipeline
    metric: Metric | None
    ranks: tuple[Rank, ...]
    hints: tuple[tuple[str, str], ...]
