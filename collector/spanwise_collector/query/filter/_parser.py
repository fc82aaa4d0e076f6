"""The text of a filter, such as `service = catalog and (span.http.route =~ "/albums.*" or not duration < 250ms)`.

filter     = conjunction { "or" conjunction }
conjunction = negation { "and" negation }
negation   = "not" negation | "(" filter ")" | comparison
comparison = field ( operator value | "exists" )
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spanwise_collector.query._search import BadSearchError
from spanwise_collector.query.filter._tokens import Token, TokenKind, tokens, unquoted
from spanwise_collector.query.filter._tree import (
    And,
    Attribute,
    Comparison,
    Field,
    Filter,
    Intrinsic,
    Kind,
    Not,
    Operator,
    Or,
    Scope,
)

_DEEPEST = 50
# Of all filters of one request. A comparison of any.KEY looks into the resources too, which costs the engine some ms to
# plan, again for each window of time.
_MOST_COMPARISONS = 100
_MOST_OF_ANY = 20
_WORDS = {"&&": "and", "||": "or", "!": "not"}
_KEYWORDS = frozenset({"and", "or", "not", "exists"})
_INTRINSICS = {field.written: field for field in Intrinsic}
_SCOPES = {scope.value: scope for scope in Scope}
_ORDERED = frozenset({Operator.LESS, Operator.LESS_OR_EQUAL, Operator.GREATER, Operator.GREATER_OR_EQUAL})
_PATTERNS = frozenset({Operator.MATCHES, Operator.MATCHES_NOT})
_EQUALITY = frozenset({Operator.EQUAL, Operator.NOT_EQUAL})
_CHOICES = {
    Kind.SPAN_KIND: frozenset({"unspecified", "internal", "server", "client", "producer", "consumer"}),
    Kind.STATUS: frozenset({"unset", "ok", "error"}),
}
_HEX_DIGITS = {Kind.TRACE_ID: 32, Kind.SPAN_ID: 16}
_HEX = re.compile(r"[0-9a-f]+")
_LARGEST_INT = 2**63 - 1
_UNIT_NS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def parse(text: str) -> Filter:
    """Raises BadSearchError, which names the column and what was expected there."""
    return parse_all([text])[0]


def parse_all(texts: Sequence[str]) -> tuple[Filter, ...]:
    """The filters of one request, which share the limits. Raises BadSearchError, as `parse` does."""
    size = _Size()
    return tuple(_Parser(text, size).filter() for text in texts)


def parse_field(text: str) -> Field:
    """One field, such as `service` or `span.http.route`. Raises BadSearchError."""
    return _field(text, f"{text[:100]!r}")


@dataclass(slots=True)
class _Size:
    """How much has been asked for so far."""

    comparisons: int = 0
    of_any: int = 0

    def add(self, field: Field, column: int) -> None:
        """Raises BadSearchError."""
        self.comparisons += 1
        self.of_any += isinstance(field, Attribute) and field.scope is Scope.ANY
        if self.comparisons > _MOST_COMPARISONS:
            raise BadSearchError(f"filter, column {column}: more than {_MOST_COMPARISONS} comparisons")
        if self.of_any > _MOST_OF_ANY:
            raise BadSearchError(
                f"filter, column {column}: more than {_MOST_OF_ANY} comparisons of any.KEY, which look into spans and"
                " resources: say where, with span.KEY or resource.KEY"
            )


class _Parser:
    def __init__(self, text: str, size: _Size) -> None:
        self._tokens = tokens(text)
        self._at = 0
        self._depth = 0
        self._size = size

    def filter(self) -> Filter:
        whole = self._disjunction()
        if self._next.kind is not TokenKind.END:
            raise self._expected("and, or, or the end")
        return whole

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    @property
    def _word(self) -> str:
        """The next token as a keyword, whichever way it is written."""
        token = self._next
        return _WORDS.get(token.text, token.text.lower()) if token.kind is not TokenKind.QUOTED else ""

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _disjunction(self) -> Filter:
        parts = [self._conjunction()]
        while self._word == "or":
            self._take()
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _conjunction(self) -> Filter:
        parts = [self._negation()]
        while self._word == "and":
            self._take()
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _negation(self) -> Filter:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise BadSearchError(f"filter, column {self._next.column}: nested deeper than {_DEEPEST}")
        try:
            if self._word == "not":
                self._take()
                return Not(self._negation())
            if self._next.text == "(":
                return self._parenthesis()
            return self._comparison()
        finally:
            self._depth -= 1

    def _parenthesis(self) -> Filter:
        self._take()
        inner = self._disjunction()
        if self._next.text != ")":
            raise self._expected("and, or, or )")
        self._take()
        return inner

    def _comparison(self) -> Comparison:
        token = self._next
        if token.kind is not TokenKind.WORD or self._word in _KEYWORDS:
            raise self._expected("a field such as service, duration or span.http.route")
        self._take()
        field = _field(token.text, f"filter, column {token.column}: {token.text[:100]!r}")
        self._size.add(field, token.column)
        if self._word == "exists":
            self._take()
            return Comparison(field, Operator.EXISTS, None)
        operator = self._operator()
        value_token = self._next
        value = self._value(field)
        _check(field, operator, value, f"filter, column {value_token.column}")
        return Comparison(field, operator, _written_ids(field, value))

    def _operator(self) -> Operator:
        if self._next.kind is not TokenKind.OPERATOR:
            raise self._expected("one of = != < <= > >= =~ !~ exists")
        text = self._take().text
        return Operator("=" if text == "==" else text)

    def _value(self, field: Field) -> str | int | float | bool:
        token = self._next
        if token.kind is TokenKind.QUOTED:
            self._take()
            return unquoted(token.text)
        if token.kind is TokenKind.WORD and self._word not in _KEYWORDS:
            self._take()
            return self._bare(token.text, field)
        if token.kind is TokenKind.NUMBER:
            self._take()
            return _number(token, field)
        if token.kind is TokenKind.DURATION:
            self._take()
            return _duration_ns(token, field)
        raise self._expected("a value: a text in double quotes, a number, a duration, true or false")

    @staticmethod
    def _bare(word: str, field: Field) -> str | bool:
        """true and false are booleans where a boolean can be: in attributes."""
        if isinstance(field, Attribute) and word in ("true", "false"):
            return word == "true"
        return word

    def _expected(self, what: str) -> BadSearchError:
        token = self._next
        return BadSearchError(f"filter, column {token.column}: {token.text[:40]!r} where {what} was expected")


def _field(text: str, where: str) -> Field:
    if text in _INTRINSICS:
        return _INTRINSICS[text]
    scope, dot, key = text.partition(".")
    if dot and scope in _SCOPES and key:
        return Attribute(_SCOPES[scope], unquoted(key) if key.startswith('"') and key.endswith('"') else key)
    scopes = ", ".join(f"{name}.KEY" for name in _SCOPES)
    raise BadSearchError(
        f"{where} is no field: attributes are written with their scope ({scopes}); others are {', '.join(_INTRINSICS)}"
    )


def _number(token: Token, field: Field) -> str | int | float:
    """In digits alone an int; an id of digits alone is a text."""
    if isinstance(field, Intrinsic) and field.kind in _HEX_DIGITS:
        return token.text
    try:
        number = int(token.text)
    except ValueError:
        return float(token.text)
    return number if abs(number) <= _LARGEST_INT else float(token.text)


def _duration_ns(token: Token, field: Field) -> int:
    if field is not Intrinsic.DURATION:
        raise BadSearchError(
            f"filter, column {token.column}: only `duration` is compared with a time; write the attribute's number, or"
            f' "{token.text}" in quotes'
        )
    number = token.text.rstrip("nuµmsh")
    return min(round(float(number[:40]) * _UNIT_NS[token.text.removeprefix(number)]), _LARGEST_INT)


def _check(field: Field, operator: Operator, value: str | int | float | bool, where: str) -> None:
    """Raises BadSearchError for a value that cannot be compared so with this field."""
    if operator in _PATTERNS and not isinstance(value, str):
        raise BadSearchError(f"{where}: {operator.value} takes a regular expression in double quotes")
    if operator in _ORDERED and isinstance(value, bool):
        raise BadSearchError(f"{where}: true and false have no order; use = or !=")
    if isinstance(field, Intrinsic):
        _check_intrinsic(field, operator, value, where)


def _check_intrinsic(field: Intrinsic, operator: Operator, value: str | int | float | bool, where: str) -> None:
    kind = field.kind
    fits = {
        Kind.TEXT: isinstance(value, str),
        Kind.NUMBER: isinstance(value, int | float),
        Kind.DURATION: isinstance(value, int) and not isinstance(value, bool),
        Kind.SPAN_KIND: value in _CHOICES[Kind.SPAN_KIND],
        Kind.STATUS: value in _CHOICES[Kind.STATUS],
        Kind.TRACE_ID: _is_hex(value, 32),
        Kind.SPAN_ID: _is_hex(value, 16),
    }[kind]
    if not fits:
        raise BadSearchError(f"{where}: {field.written} is compared with {kind.value}")
    if kind not in (Kind.TEXT, Kind.NUMBER, Kind.DURATION) and operator not in _EQUALITY:
        raise BadSearchError(f"{where}: {field.written} can be compared by = and != alone")


def _is_hex(value: str | int | float | bool, digits: int) -> bool:
    return isinstance(value, str) and len(value) <= digits and _HEX.fullmatch(value.lower()) is not None


def _written_ids(field: Field, value: str | int | float | bool) -> str | int | float | bool:
    """Ids in their one written form: lower case, with leading zeros."""
    if isinstance(field, Intrinsic) and field.kind in _HEX_DIGITS and isinstance(value, str):
        return value.lower().zfill(_HEX_DIGITS[field.kind])
    return value
