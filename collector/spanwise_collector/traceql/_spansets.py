"""A pipeline of spansets as one relation: a row for each span of each spanset, from nested queries over the spans.

Its columns are `trace_id`, `grp` (which spanset of the trace), `uid`, `span_id`, `parent_span_id`, `start_ns`, and the
values `x0`, `x1`, ... that a later stage or the answer asks for; they are computed where the spans are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import cast

from spanwise_collector.query import Binder, Condition, every, some
from spanwise_collector.traceql._expressions import Expressions, computed, necessary
from spanwise_collector.traceql._fields import INTRINSICS, Needs
from spanwise_collector.traceql._pieces import piece
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
    Pipeline,
    ScalarFilter,
    Select,
    Spanset,
    TraceQLError,
    Unary,
)
from spanwise_collector.traceql._values import Columns

_STRUCTURAL = {">": "child", "<": "parent", "~": "sibling", ">>": "descendant", "<<": "ancestor"}
_INVERSE = {">": "<", "<": ">", "~": "~"}
_ALONG_TREE = {"&>>": ("above", "below"), "&<<": ("below", "above")}
_KEYS = ("trace_id", "grp", "uid", "span_id", "parent_span_id", "start_ns")
_TREE_OPERATORS = frozenset({">>", "<<"})
# The engine refuses a query of more than 256 KiB.
_MAX_SQL = 200_000
# Beyond so many nested semi-joins the engine takes seconds to understand a query, which no time limit stops.
_MAX_RELATIONS = 16


class Scope(Enum):
    """Which spans are read: those of the traces `{ids}`, or those that started from `{from_ns}` to before `{to_ns}`."""

    IDS = "scope_ids"
    WINDOW = "scope_window"


@dataclass(frozen=True, slots=True)
class Compiled:
    """`sql` is the relation, `tree` what goes before the query that it is part of. `aggregates` are those that the last
    stages compute, with their columns; `patterns` are the regular expressions in it."""

    sql: str
    tree: str
    aggregates: tuple[tuple[Aggregate, str], ...]
    patterns: tuple[str, ...]


@dataclass(slots=True)
class Relation:
    """Makes the relation of one query: ask for values with `pair`, `number`, ..., and `compile` it."""

    binder: Binder
    scope: Scope
    _values: list[str] = field(default_factory=list)
    _aggregate_count: int = 0
    _late: list[str] = field(default_factory=list)
    _relations: int = 0
    _along_tree: bool = False
    _columns: Columns = field(init=False)
    _expressions: Expressions = field(init=False)

    def __post_init__(self) -> None:
        self._columns = Columns(self.binder)
        self._expressions = Expressions(self._columns)

    def value(self, sql: str) -> str:
        """The name of a column for an expression of ours."""
        if sql not in self._values:
            self._values.append(sql)
        return f"x{self._values.index(sql)}"

    def pair(self, of: Field) -> str:
        """The name of a column with the type and the text of a value."""
        return self.value(self._expressions.pair(of))

    def shown(self, of: Field) -> str:
        """Like `pair`, for what is only shown: the numbers of nested sets are looked up for the spans that are left."""
        if not (isinstance(of, Intrinsic) and INTRINSICS[of.name].needs is Needs.TREE):
            return self.pair(of)
        pair = Expressions(Columns(self.binder)).pair(of)
        if pair not in self._late:
            self._late.append(pair)
        return f"y{self._late.index(pair)}"

    def pairs(self, of: Attribute | Intrinsic) -> str:
        """The name of a column with an array of such pairs: several where the field is of events or links."""
        return self.value(self._expressions.pairs(of))

    def all_keys(self) -> None:
        """Makes the first columns the keys of resource, scope, span, events and links."""
        for scope in ("resource", "instrumentation", "span", "event", "link"):
            self.value(self._columns.keys(scope))

    def compared_attributes(self) -> str:
        """The name of a column with an array of `(name, type, text)`, of what a comparison looks at."""
        return self.value(piece("compared_attributes", resource=self._columns.compared_resource()))

    def number(self, of: Field) -> str:
        """The name of a column with a nullable double."""
        return self.value(self._expressions.number(of))

    def condition(self, of: Field | None) -> str:
        """The name of a column that is true or false."""
        return self.value(self._expressions.condition(of))

    def compile(self, pipeline: Pipeline) -> Compiled:
        """All values must have been asked for. Raises TraceQLError when the query is too large."""
        sql, aggregates = self._pipeline(pipeline, None)
        needs = self._columns.needs
        if self.scope is Scope.WINDOW and not self._relations and not needs & {Needs.WHOLE, Needs.TREE}:
            table, parent = "spans", "toFixedString('', 8) AS parent_span_id"
        else:
            table, parent = "trace_spans", "parent_span_id"
        names = [*_KEYS, *(f"x{place}" for place in range(len(self._values)))]
        places = {
            "keys": self._keys(parent),
            "source": self._source(table),
            "names": ", ".join(names),
            "others": ", ".join(name for name in names if name != "grp"),
        }
        for place, words in places.items():
            sql = sql.replace(f"/*{place}*/", words)
        if self._late:
            late = ", ".join(f"{pair} AS y{place}" for place, pair in enumerate(self._late))
            sql = piece("with_tree", columns=late, input=sql, numbered=piece("numbered"))
        tree = ""
        if self._late or self._along_tree or Needs.TREE in needs:
            tree = piece("tree", uid=piece("uid"), scope=self._whole_traces())
        return Compiled(_not_too_large(sql), tree, tuple(aggregates), tuple(self._columns.patterns))

    def _keys(self, parent: str) -> str:
        uid = "uid" if self._is_joined() else f"{piece('uid')} AS uid"
        start = "toUnixTimestamp64Nano(start) AS start_ns"
        values = [f"{sql} AS x{place}" for place, sql in enumerate(self._values)]
        return ", ".join(["trace_id", "toUInt64(0) AS grp", uid, "span_id", parent, start, *values])

    def _is_joined(self) -> bool:
        return bool(self._columns.needs & {Needs.ORIGIN, Needs.TRACE, Needs.TREE})

    def _whole_traces(self) -> str:
        """All spans of the traces in scope, also those outside its window."""
        scope = piece(self.scope.value)
        return scope if self.scope is Scope.IDS else piece("scope_window_traces", window=scope)

    def _source(self, table: str) -> str:
        if not self._is_joined():
            return table
        needs, joins = self._columns.needs, []
        if Needs.ORIGIN in needs:
            joins.append(piece("join_origins", columns=", ".join(self._columns.origin_columns.values())))
        if Needs.TRACE in needs:
            joins.append(piece("join_traces", scope=self._whole_traces()))
        if Needs.TREE in needs:
            joins.append(piece("join_tree", numbered=piece("numbered")))
        scope = piece(self.scope.value)
        return piece("source", uid=piece("uid"), table=table, scope=scope, joins="\n".join(joins))

    def _pipeline(self, pipeline: Pipeline, source: str | None) -> tuple[str, list[tuple[Aggregate, str]]]:
        """`source` is the relation that the first stage filters; None is all spans in scope."""
        sql = source or ""
        aggregates: list[tuple[Aggregate, str]] = []
        for place, stage in enumerate(pipeline.stages):
            if isinstance(stage, ScalarFilter):
                sql = self._aggregated(stage, sql, aggregates)
                continue
            if isinstance(stage, Select):
                continue
            aggregates = []
            if isinstance(stage, By):
                sql = piece("by", value=self.pair(stage.field), input=sql)
            elif isinstance(stage, Coalesce):
                sql = piece("coalesce", input=sql)
            else:
                sql = self._spanset(stage, sql if place else source)
        return sql, aggregates

    def _spanset(self, spanset: Spanset, source: str | None) -> str:
        if isinstance(spanset, Pipeline):
            return piece("projected", input=self._pipeline(spanset, source)[0])
        if isinstance(spanset, Combine):
            # Some relations take an operand twice, so it is here that a query would grow without bounds.
            return _not_too_large(self._combined(spanset, source))
        if source is not None:
            return piece("filter_again", input=source, condition=self.condition(spanset.condition))
        condition = self._expressions.condition(spanset.condition)
        if self.scope is Scope.WINDOW:
            first = necessary(spanset.condition, self.binder)
            if first is not None and first.needed:
                condition = every((Condition(first.needed), Condition(condition))).sql
        return piece("filter", scope=piece(self.scope.value), condition=condition)

    def _operand(self, spanset: Spanset, source: str | None) -> str:
        """The spansets of a pipeline are joined before they are combined with others."""
        sql = self._spanset(spanset, source)
        if not (isinstance(spanset, Pipeline) and any(isinstance(stage, By) for stage in spanset.stages)):
            return sql
        if source is not None:
            raise TraceQLError("by() inside of parentheses can only be used in the first stage of a query")
        return piece("coalesce", input=sql)

    def _combined(self, combine: Combine, source: str | None) -> str:
        left, right = self._operand(combine.left, source), self._operand(combine.right, source)
        operator = combine.operator
        if operator in ("&&", "||"):
            return piece("and" if operator == "&&" else "or", left=left, right=right)
        if operator in _ALONG_TREE:
            self._count_relation()
            self._along_tree = True
            ends = _ALONG_TREE[operator]
            words = {"left": left, "right": right, "left_end": ends[0], "right_end": ends[1]}
            return piece("union_tree", ancestry=piece("ancestry"), **words)
        if operator.startswith("&"):
            found = self._related(operator[1:], left, right)
            others = self._related(_INVERSE[operator[1:]], right, left)
            return piece("or", left=others, right=found)
        if operator.startswith("!"):
            return self._related(operator[1:], left, right, "NOT IN")
        return self._related(operator, left, right)

    def _related(self, operator: str, left: str, right: str, is_in: str = "IN") -> str:
        self._count_relation()
        words = {"left": left, "right": right, "is_in": is_in}
        if operator in _TREE_OPERATORS:
            self._along_tree = True
            words["ancestry"] = piece("ancestry")
        return piece(_STRUCTURAL[operator], **words)

    def _count_relation(self) -> None:
        self._relations += 1
        if self._relations > _MAX_RELATIONS:
            raise TraceQLError(
                f"the query has more than {_MAX_RELATIONS} structural operators (one with & counts twice)"
            )

    def _aggregated(self, stage: ScalarFilter, sql: str, aggregates: list[tuple[Aggregate, str]]) -> str:
        made: dict[Aggregate, str] = {}
        for aggregate in _aggregates_of(stage.comparison):
            if aggregate not in made:
                made[aggregate] = f"a{self._aggregate_count}"
                self._aggregate_count += 1
        columns = [
            piece(
                "aggregate",
                function=aggregate.function,
                value="" if aggregate.of is None else self.number(aggregate.of),
                name=name,
            )
            for aggregate, name in made.items()
        ]
        condition = self._scalar(stage.comparison, made)
        if not columns:
            return piece("filter_again", input=sql, condition=condition)
        aggregates += made.items()
        return piece("aggregated", aggregates=", ".join(columns), input=sql, condition=condition)

    def _scalar(self, scalar: Field, made: Mapping[Aggregate, str]) -> str:
        if isinstance(scalar, Aggregate):
            return made[scalar]
        if isinstance(scalar, Binary):
            words = {"left": self._scalar(scalar.left, made), "right": self._scalar(scalar.right, made)}
            return computed(scalar.operator, **words)
        if isinstance(scalar, Unary):
            return f"(-{self._scalar(scalar.operand, made)})"
        return self._expressions.number(scalar)


def _not_too_large(sql: str) -> str:
    if len(sql) > _MAX_SQL:
        raise TraceQLError("the query is too large: use fewer spansets in it")
    return sql


def _aggregates_of(scalar: Field) -> Iterator[Aggregate]:
    if isinstance(scalar, Aggregate):
        yield scalar
    elif isinstance(scalar, Binary):
        yield from _aggregates_of(scalar.left)
        yield from _aggregates_of(scalar.right)
    elif isinstance(scalar, Unary):
        yield from _aggregates_of(scalar.operand)


def necessary_conditions(spanset: Spanset, binder: Binder) -> list[Condition]:
    """A trace can only be in the answer when it has a span for each of these."""
    if isinstance(spanset, Pipeline):
        return necessary_conditions(cast(Spanset, spanset.stages[0]), binder)
    if isinstance(spanset, Filter):
        condition = necessary(spanset.condition, binder)
        return [condition] if condition is not None else []
    right = necessary_conditions(spanset.right, binder)
    if spanset.operator.startswith("!"):
        return right
    left = necessary_conditions(spanset.left, binder)
    if spanset.operator != "||":
        return left + right
    return [some([left[0], right[0]])] if left and right else []
