"""A filter as a tree: comparisons of a span's fields, joined by and, or and not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum


class Operator(Enum):
    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    MATCHES = "=~"
    MATCHES_NOT = "!~"
    EXISTS = "exists"


class Scope(Enum):
    """Where an attribute is. ANY is the span or its resource."""

    RESOURCE = "resource"
    SCOPE = "scope"
    SPAN = "span"
    EVENT = "event"
    LINK = "link"
    ANY = "any"


class Kind(Enum):
    """What an intrinsic field holds, and so what it can be compared with."""

    TEXT = "text"
    NUMBER = "a number"
    DURATION = "a duration such as 250ms"
    SPAN_KIND = "unspecified, internal, server, client, producer or consumer"
    STATUS = "unset, ok or error"
    TRACE_ID = "32 hexadecimal digits"
    SPAN_ID = "16 hexadecimal digits"


@dataclass(frozen=True, slots=True)
class Attribute:
    scope: Scope
    key: str


class Intrinsic(Enum):
    """A field that is no attribute: the name that filters use, and its kind."""

    SERVICE = ("service", Kind.TEXT)
    NAME = ("name", Kind.TEXT)
    KIND = ("kind", Kind.SPAN_KIND)
    STATUS = ("status", Kind.STATUS)
    STATUS_MESSAGE = ("status_message", Kind.TEXT)
    DURATION = ("duration", Kind.DURATION)
    ADJUSTED_COUNT = ("adjusted_count", Kind.NUMBER)
    TRACE_STATE = ("trace_state", Kind.TEXT)
    TRACE_ID = ("trace_id", Kind.TRACE_ID)
    SPAN_ID = ("span_id", Kind.SPAN_ID)
    PARENT_SPAN_ID = ("parent_span_id", Kind.SPAN_ID)
    SCOPE_NAME = ("scope:name", Kind.TEXT)
    SCOPE_VERSION = ("scope:version", Kind.TEXT)
    EVENT_NAME = ("event:name", Kind.TEXT)
    LINK_TRACE_ID = ("link:trace_id", Kind.TRACE_ID)
    LINK_SPAN_ID = ("link:span_id", Kind.SPAN_ID)

    @property
    def written(self) -> str:
        return self.value[0]

    @property
    def kind(self) -> Kind:
        return self.value[1]


Field = Attribute | Intrinsic

_PLAIN_KEY = re.compile(r"[\w./:@-]+", re.ASCII)


def written(field: Field) -> str:
    """As filters have it: `service`, `span.http.route`, `span."odd key"`."""
    if isinstance(field, Intrinsic):
        return field.written
    quoted = '"' + field.key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{field.scope.value}.{field.key if _PLAIN_KEY.fullmatch(field.key) else quoted}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """True when some value of the field fits. `value` is None with EXISTS; a duration is an int of nanoseconds."""

    field: Field
    operator: Operator
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Filter


Filter = Comparison | And | Or | Not


def comparisons(filters: Iterable[Filter]) -> Iterator[Comparison]:
    """All that are in these trees."""
    for one in filters:
        if isinstance(one, And | Or):
            yield from comparisons(one.parts)
        elif isinstance(one, Not):
            yield from comparisons([one.part])
        else:
            yield one
