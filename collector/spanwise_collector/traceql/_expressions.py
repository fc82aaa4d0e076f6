"""Expressions over the fields of one span as SQL: true or false, a number, or what is shown of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from spanwise_collector.query import Binder, Condition, every, has_key, may_have_value, some
from spanwise_collector.traceql._check import COMPARISONS, type_of
from spanwise_collector.traceql._fields import INTRINSICS, Needs
from spanwise_collector.traceql._pieces import piece
from spanwise_collector.traceql._tree import Attribute, Binary, Field, Intrinsic, Literal, Type, Unary
from spanwise_collector.traceql._values import NUMBERS, As, Columns, Value, constant

_TRUE = Literal(Type.BOOLEAN, True, 0)
_SWAPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
_PATTERNS = frozenset({"=~", "!~"})
_ARITHMETIC = {
    "+": "({left} + {right})",
    "-": "({left} - {right})",
    "*": "({left} * {right})",
    "/": "({left} / nullIf({right}, 0))",
    "%": "({left} % nullIf({right}, 0))",
    "^": "pow({left}, {right})",
}
_OF_ORIGIN = frozenset({"resource", "instrumentation"})
# The types of literals that the index over attributes can look for; durations are numbers.
_INDEXED = frozenset({Type.STRING, Type.NUMBER, Type.BOOLEAN})
# Which comparisons of nestedSetParent with a number ask no more than whether the span is a root (-1).
_ROOT_TESTS: dict[tuple[str, object], bool] = {
    ("<", 0): True,
    ("<=", -1): True,
    ("=", -1): True,
    (">=", 0): False,
    (">", -1): False,
    ("!=", -1): False,
}


class Expressions:
    """`columns` notes what the expressions need."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def condition(self, field: Field | None) -> str:
        """SQL that is true or false, never NULL."""
        if field is None:
            return "true"
        if isinstance(field, Literal):
            return "true" if field.value else "false"
        if isinstance(field, Attribute | Intrinsic):
            return self._comparison("=", field, _TRUE)
        if isinstance(field, Unary):
            if isinstance(field.operand, Attribute):
                return self._comparison("=", field.operand, Literal(Type.BOOLEAN, False, field.at))
            return f"NOT ({self.condition(field.operand)})"
        assert isinstance(field, Binary)
        if field.operator in ("&&", "||"):
            join = every if field.operator == "&&" else some
            return join(Condition(self.condition(side)) for side in _sides(field, field.operator)).sql
        return self._comparison(field.operator, field.left, field.right)

    def number(self, field: Field) -> str:
        """A nullable double."""
        if isinstance(field, Unary):
            return f"(-{self.number(field.operand)})"
        if isinstance(field, Binary):
            words = {"left": self.number(field.left), "right": self.number(field.right)}
            return computed(field.operator, **words)
        kinds = self._value(field).kinds
        integer, double = (kinds.get(kind, As("NULL", "false")) for kind in NUMBERS)
        if not (integer.guard and double.guard):
            return f"toNullable(toFloat64({integer.sql if not integer.guard else double.sql}))"
        return piece(
            "number", is_int=integer.guard, int=integer.sql, is_double=double.guard, double=double.sql
        )  # fmt: skip

    def pair(self, field: Field) -> str:
        """`(type, text)` of a value, ('empty', '') where there is none."""
        if isinstance(field, Attribute | Intrinsic | Literal):
            return self._value(field).pair
        if type_of(field) is Type.BOOLEAN:
            return piece("bool_pair", value=self.condition(field))
        return piece("optional_number_pair", value=self.number(field))

    def pairs(self, field: Attribute | Intrinsic) -> str:
        """An array of `(type, text)`, one for each value."""
        value = self._columns.of(field)
        if not value.array:
            return piece("one_pair", pair=value.pair)
        if isinstance(field, Attribute):
            return piece("pairs_of_attributes", array=value.array)
        kind = next(iter(value.kinds))
        return piece("pairs_of_values", type=kind, array=value.array)

    def _value(self, field: Field) -> Value:
        if isinstance(field, Attribute | Intrinsic):
            return self._columns.of(field)
        if isinstance(field, Literal):
            return constant(field, self._columns.binder)
        if type_of(field) is Type.BOOLEAN:
            sql = self.condition(field)
            return Value({"bool": As(f"({sql})")}, "true", piece("bool_pair", value=sql))
        number = self.number(field)
        exists = f"isNotNull({number})"
        pair = piece("optional_number_pair", value=number)
        return Value({"double": As(f"assumeNotNull({number})", exists)}, exists, pair)

    def _comparison(self, operator: str, left: Field, right: Field) -> str:
        if isinstance(left, Literal) and (left.type is Type.NIL or not isinstance(right, Literal)):
            left, right, operator = right, left, _SWAPPED.get(operator, operator)
        if operator in _PATTERNS:
            right = _whole_text(right)
            self._columns.patterns.append(str(right.value))
        if isinstance(left, Attribute | Intrinsic) and isinstance(right, Literal):
            return self._with_literal(operator, left, right)
        return _compared(operator, self._value(left), self._value(right), right)

    def _with_literal(self, operator: str, field: Attribute | Intrinsic, literal: Literal) -> str:
        root_test = _ROOT_TESTS.get((operator, literal.value))
        if isinstance(field, Intrinsic) and field.name == "nestedSetParent" and root_test is not None:
            self._columns.needs.add(Needs.WHOLE)
            return piece("is_root") if root_test else f"NOT ({piece('is_root')})"
        bound = constant(literal, self._columns.binder)
        there = self._columns.at_origin(field)
        if there is None:
            return _compared(operator, self._columns.of(field), bound, literal)
        own, at_origin = there
        absent = literal.type is Type.NIL and operator == "="
        condition = at_origin.exists if absent else _compared(operator, at_origin, bound, literal)
        found = piece("origin_is", condition=condition)
        other = f"NOT ({found})" if absent else found
        if own is None:
            return other
        return f"if({own.exists}, {_compared(operator, own, bound, literal)}, {other})"


def computed(operator: str, left: str, right: str) -> str:
    """Arithmetic, or the comparison of two numbers."""
    return _ARITHMETIC.get(operator, f"({{left}} {operator} {{right}})").format(left=left, right=right)


def necessary(field: Field | None, binder: Binder) -> Condition | None:
    """What a span must meet at least, in terms of the tables of spans alone; None where that says nothing."""
    if field is None or (isinstance(field, Literal) and field.value):
        return None
    if isinstance(field, Binary) and field.operator in ("&&", "||"):
        sides = [necessary(side, binder) for side in _sides(field, field.operator)]
        known = [side for side in sides if side is not None]
        if field.operator == "&&":
            return every(known) if known else None
        return some(known) if len(known) == len(sides) else None
    columns = Columns(binder)
    sql = Expressions(columns).condition(field)
    needed = columns.needs - {Needs.NOTHING}
    return Condition(sql, Needs.WHOLE in needed, _needed(field, sql, binder)) if needed <= {Needs.WHOLE} else None


def _needed(field: Field, sql: str, binder: Binder) -> str:
    """Of an attribute or a small column that is compared with a literal, what can be found out before; `sql` is all."""
    if not isinstance(field, Binary) or field.operator not in COMPARISONS:
        return ""
    sides = (field.left, field.right)
    named = next((side for side in sides if isinstance(side, Attribute | Intrinsic)), None)
    literal = next((side for side in sides if isinstance(side, Literal) and side.type is not Type.NIL), None)
    if named is None or literal is None:
        return ""
    if isinstance(named, Intrinsic):
        return sql if INTRINSICS[named.name].needs is Needs.NOTHING else ""
    if named.scope in _OF_ORIGIN:
        return sql
    if named.scope not in ("", "span"):
        return ""
    own = _needed_of_own(field.operator, named, literal, binder)
    if named.scope:
        return own
    of_resource = replace(named, scope="resource")
    left, right = (of_resource if side is named else side for side in sides)
    other = Expressions(Columns(binder)).condition(replace(field, left=left, right=right))
    return some((Condition(own), Condition(other))).sql


def _needed_of_own(operator: str, attribute: Attribute, literal: Literal, binder: Binder) -> str:
    if operator == "=" and literal.value is not None and literal.type in _INDEXED:
        return may_have_value(binder, attribute.name, literal.value)
    return has_key(binder, attribute.name)


def _sides(field: Field, operator: str) -> list[Field]:
    """The sides of a chain of one operator, from left to right: the engine likes a flat list better than a deep one."""
    sides: list[Field] = []
    while isinstance(field, Binary) and field.operator == operator:
        sides.append(field.right)
        field = field.left
    return [field, *reversed(sides)]


def _compared(operator: str, left: Value, right: Value, right_field: Field) -> str:
    if isinstance(right_field, Literal) and right_field.type is Type.NIL:
        return f"NOT ({left.exists})" if operator == "=" else left.exists
    fits = [
        _as_one_type(operator, one, other)
        for kind, one in left.kinds.items()
        for other_kind, other in right.kinds.items()
        if kind == other_kind or (kind in NUMBERS and other_kind in NUMBERS)
    ]
    condition = some(Condition(fit) for fit in fits).sql
    array = left.array or right.array
    return piece("any_of_many", condition=condition, array=array) if array else condition


def _as_one_type(operator: str, left: As, right: As) -> str:
    if operator in _PATTERNS:
        pattern = piece("matches", value=left.sql, pattern=right.sql)
        test = pattern if operator == "=~" else f"NOT {pattern}"
    else:
        test = f"{left.sql} {operator} {right.sql}"
    return _all_of([left.guard, right.guard, test])


def _whole_text(pattern: Field) -> Literal:
    """A pattern has to fit the whole text, and its dot no line break."""
    assert isinstance(pattern, Literal)
    return Literal(Type.STRING, f"^(?-s:{pattern.value})$", pattern.at)


def _all_of(parts: Iterable[str]) -> str:
    return every(Condition(part) for part in parts if part).sql
