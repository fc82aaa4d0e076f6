"""Text to tree, by the grammar in `grammar.lark`; a mistake is named with its column and what was expected there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import VisitError

from spanwise_collector.query import go_duration_ns
from spanwise_collector.traceql import _check
from spanwise_collector.traceql._fields import INTRINSICS, SCOPED
from spanwise_collector.traceql._tree import (
    Aggregate,
    Attribute,
    Binary,
    By,
    Coalesce,
    Combine,
    Field,
    Filter,
    Intrinsic,
    Literal,
    Metric,
    Pipeline,
    Query,
    Rank,
    ScalarFilter,
    Select,
    Spanset,
    Stage,
    TraceQLError,
    Type,
    Unary,
)

MAX_LENGTH = 32_768
# Trees are walked by functions that call themselves; a chain of `&&` is as deep as it is long.
MAX_DEPTH = 150

_LARGEST_INT = 2**63 - 1
_MOST_DIGITS = 19
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_SIMPLE_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NAME_PART = re.compile(r'"((?:\\.|[^"\\])*)"|([^"]+)', re.DOTALL)
_KEYWORD_TYPES = {"STATUS": Type.STATUS, "KIND": Type.KIND, "TRUE": Type.BOOLEAN, "FALSE": Type.BOOLEAN}

# What a message calls a terminal; the rest are called as they are written.
_NAMES = {
    "ATTRIBUTE": "an attribute such as span.http.route",
    "INTRINSIC": "a field such as duration",
    "SCOPED_INTRINSIC": "a field such as span:name",
    "STRING": 'text such as "x"',
    "RAW_STRING": "",
    "INTEGER": "a number",
    "FLOAT": "",
    "DURATION": "a duration such as 100ms",
    "STATUS": "a status (error, ok, unset)",
    "KIND": "a kind (server, client, ...)",
    "HINT": "the name of a hint",
    "$END": "the end of the query",
}


def parse(text: str) -> Query:
    """The checked tree of a query. Raises TraceQLError."""
    if len(text) > MAX_LENGTH:
        raise TraceQLError(f"the query is longer than {MAX_LENGTH} characters")
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise TraceQLError(_explained(text, error)) from None
    query = _transformed(tree)
    _check.check(query)
    return query


def parse_filter(text: str) -> Field | None:
    """The condition of a query that is nothing but `{ ... }`. Raises TraceQLError."""
    query = parse(text)
    (stage, *more) = query.pipeline.stages
    if more or query.metric or not isinstance(stage, Filter):
        raise TraceQLError("only a filter such as { span.http.route = `/cart` } can be used here")
    return stage.condition


def _transformed(tree: Any) -> Query:
    try:
        return cast(Query, _ToTree().transform(tree))
    except VisitError as error:
        if isinstance(error.orig_exc, TraceQLError):
            raise error.orig_exc from None
        raise
    except RecursionError:
        raise TraceQLError(_TOO_DEEP) from None


_TOO_DEEP = f"the query is nested deeper than {MAX_DEPTH} levels: a regular expression can stand for a list of values"


@cache
def _parser() -> Lark:
    return Lark((Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8"), parser="lalr")


def _explained(text: str, error: UnexpectedInput) -> str:
    at = error.pos_in_stream if error.pos_in_stream is not None else len(text)
    if isinstance(error, UnexpectedCharacters):
        found, expected = repr(text[at : at + 20]), error.allowed
    else:
        token = cast(UnexpectedToken, error).token
        ended = token.type == "$END"
        at = len(text) if ended else at
        found, expected = "the end" if ended else repr(str(token)), cast(UnexpectedToken, error).accepts
    return f"TraceQL, column {at + 1}: expected {_listed(expected or set())}, found {found}"


def _listed(terminals: Iterable[str]) -> str:
    written = {terminal.name: str(terminal.pattern.value) for terminal in _parser().terminals}
    names = {_NAMES[name] if name in _NAMES else written.get(name, name) for name in terminals}
    readable = sorted(name.replace(r"\b", "").strip("/") for name in names if name)
    if len(readable) < 2:
        return "".join(readable) or "nothing more"
    return f"{', '.join(readable[:-1])} or {readable[-1]}"


def _unescaped(quoted: str) -> str:
    def plain(match: re.Match[str]) -> str:
        code = match.group(1)
        if code[0] in "xuU" and len(code) > 1:
            number = int(code[1:], 16)
            return chr(number) if number <= 0x10FFFF and not 0xD800 <= number < 0xE000 else "�"
        if code.isdigit() and len(code) == 3:
            return chr(int(code, 8))
        return _SIMPLE_ESCAPES.get(code, code)

    return _ESCAPE.sub(plain, quoted)


def _at(token: Token) -> int:
    return (token.start_pos or 0) + 1


def _depth(*parts: object) -> int:
    depth = 1 + max(getattr(part, "depth", 0) for part in parts)
    if depth > MAX_DEPTH:
        raise TraceQLError(_TOO_DEEP)
    return depth


@v_args(inline=True)
class _ToTree(Transformer[Token, Any]):
    """One method for each rule or alias of the grammar."""

    def start(self, pipeline: Pipeline, metric: Metric | None, *rest: Any) -> Query:
        ranks = tuple(part for part in rest if isinstance(part, Rank))
        hints = next((part for part in rest if isinstance(part, tuple)), ())
        return Query(pipeline, metric, ranks, hints)

    def pipeline(self, first: Pipeline | Spanset, stage: Stage | None = None) -> Pipeline:
        if stage is None:
            return Pipeline((cast(Stage, first),), _depth(first))
        return Pipeline((*cast(Pipeline, first).stages, stage), max(cast(Pipeline, first).depth, _depth(stage)))

    def nested(self, pipeline: Pipeline) -> Spanset:
        only = pipeline.stages[0]
        if len(pipeline.stages) == 1 and isinstance(only, Filter | Combine | Pipeline):
            return only
        return pipeline

    def filter(self, condition: Field | None) -> Filter:
        return Filter(condition)

    def combine(self, left: Spanset, operator: Token, right: Spanset) -> Combine:
        return Combine(str(operator), left, right, _depth(left, right))

    def scalar_filter(self, left: Field, operator: Token, right: Field) -> ScalarFilter:
        return ScalarFilter(Binary(str(operator), left, right, _at(operator), _depth(left, right)))

    def by(self, field: Field) -> By:
        return By(field)

    def coalesce(self) -> Coalesce:
        return Coalesce()

    def select(self, *fields: Field) -> Select:
        return Select(fields)

    def aggregate(self, function: Token, of: Field | None = None) -> Aggregate:
        return Aggregate(str(function), of, _at(function))

    def metric(self, function: Token, *rest: Any) -> Metric:
        *arguments, by = rest
        of, quantiles = (arguments[0], arguments[1:]) if arguments else (None, [])
        return Metric(
            str(function),
            of,
            _at(function),
            quantiles=tuple(float(cast(Literal, one).value or 0) for one in quantiles),
            by=by or (),
        )

    def compare(
        self, function: Token, condition: Field | None, top: Token | None, start: Token | None, end: Token | None
    ) -> Metric:
        window = (_integer(start), _integer(end)) if start is not None and end is not None else None
        return Metric(
            str(function),
            condition,
            _at(function),
            top=_small(top, "the number of values") if top is not None else 10,
            selection_window_ns=window,
        )

    def grouping(self, *fields: Field) -> tuple[Field, ...]:
        return fields

    def rank(self, function: Token, count: Token) -> Rank:
        return Rank(str(function) == "topk", _small(count, "the number of series"))

    def hints(self, *hints: tuple[str, str]) -> tuple[tuple[str, str], ...]:
        return hints

    def hint(self, name: Token, value: Token) -> tuple[str, str]:
        return str(name), str(value)

    def binary(self, left: Field, operator: Token, right: Field) -> Binary:
        return Binary(str(operator), left, right, _at(operator), _depth(left, right))

    def unary(self, operator: Token, operand: Field) -> Field:
        if operator == "-" and isinstance(operand, Literal) and operand.type is Type.NUMBER:
            negative = -cast(float, operand.value)
            return Literal(Type.NUMBER, negative, _at(operator), f"-{operand.text}", operand.is_duration)
        return Unary(str(operator), operand, _at(operator), _depth(operand))

    def attribute(self, token: Token) -> Attribute:
        scope, _, rest = token.partition(".")
        name = "".join(_unescaped(quoted) if quoted else plain for quoted, plain in _NAME_PART.findall(rest))
        return Attribute(scope, name, str(token), _at(token))

    def intrinsic(self, token: Token) -> Intrinsic:
        written = str(token)
        name = "parentID" if written == "parent" else SCOPED.get(written, written)
        if name not in INTRINSICS:
            raise TraceQLError(f"TraceQL, column {_at(token)}: there is no {token}; there are {', '.join(SCOPED)}")
        return Intrinsic(name, str(token), _at(token))

    def literal(self, token: Token) -> Literal:
        kind, value = _typed(token)
        return Literal(kind, value, _at(token), str(token), token.type == "DURATION")


def _typed(token: Token) -> tuple[Type, str | int | float | bool | None]:
    """The type and the value of a literal. Raises TraceQLError."""
    written = str(token)
    if token.type == "STRING":
        return Type.STRING, _unescaped(written[1:-1])
    if token.type == "RAW_STRING":
        return Type.STRING, written[1:-1]
    if token.type == "DURATION":
        return Type.NUMBER, _in_range(go_duration_ns(written), token)
    if token.type == "INTEGER":
        return Type.NUMBER, _integer(token)
    if token.type == "FLOAT":
        return Type.NUMBER, _finite(float(token), token)
    if token.type == "NIL":
        return Type.NIL, None
    kind = _KEYWORD_TYPES[token.type]
    return kind, written == "true" if kind is Type.BOOLEAN else written


def _integer(token: Token) -> int:
    return _in_range(int(token) if len(token) <= _MOST_DIGITS else None, token)


def _in_range(number: int | None, token: Token) -> int:
    if number is None or number > _LARGEST_INT:
        raise TraceQLError(f"TraceQL, column {_at(token)}: {token[:40]} is larger than 64 bits can hold")
    return number


def _finite(number: float, token: Token) -> float:
    if number == float("inf"):
        raise TraceQLError(f"TraceQL, column {_at(token)}: {token[:40]} is larger than a double can hold")
    return number


def _small(token: Token, what: str) -> int:
    number = _integer(token)
    if not 1 <= number <= 1000:
        raise TraceQLError(f"TraceQL, column {_at(token)}: {what} is from 1 to 1000")
    return number
