"""A filter's tree as a condition on one span: pieces of `conditions.sql`, with every value and key bound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from spanwise_collector.query._condition import Binder, Condition, every, some
from spanwise_collector.query._value_index import has_key, may_have_value
from spanwise_collector.query.filter._tree import (
    And,
    Attribute,
    Comparison,
    Filter,
    Intrinsic,
    Not,
    Operator,
    Or,
    Scope,
    comparisons,
)

_PLACES = {
    Scope.RESOURCE: ("in_resource",),
    Scope.SCOPE: ("in_scope",),
    Scope.SPAN: ("in_attributes",),
    Scope.EVENT: ("in_events",),
    Scope.LINK: ("in_links",),
    Scope.ANY: ("in_attributes", "in_resource"),
}
_OF_PATTERNS = frozenset({Operator.MATCHES, Operator.MATCHES_NOT})
_ONLY_IN_WHOLE_SPANS = frozenset({"in_events", "in_links"})


@dataclass(frozen=True, slots=True)
class _Column:
    """Where an intrinsic field is: an expression of ours, its engine type, and the piece that looks there."""

    expression: str
    kind: str = "String"
    piece: str = "here"
    whole: bool = False
    none: str = "''"  # what stands for no value


_COLUMNS = {
    Intrinsic.SERVICE: _Column("service"),
    Intrinsic.NAME: _Column("name"),
    Intrinsic.KIND: _Column("kind", none="'unspecified'"),
    Intrinsic.STATUS: _Column("status_code", none="'unset'"),
    Intrinsic.STATUS_MESSAGE: _Column("status_message", whole=True),
    Intrinsic.DURATION: _Column("duration_ns", "Int64", none="-9223372036854775808"),
    Intrinsic.ADJUSTED_COUNT: _Column("adjusted_count", "Float64", none="-1"),
    Intrinsic.TRACE_STATE: _Column("trace_state", whole=True),
    Intrinsic.TRACE_ID: _Column("trace_id", "FixedString(16)", none="toFixedString('', 16)"),
    Intrinsic.SPAN_ID: _Column("span_id", "FixedString(8)", none="toFixedString('', 8)"),
    Intrinsic.PARENT_SPAN_ID: _Column("parent_span_id", "FixedString(8)", whole=True, none="toFixedString('', 8)"),
    Intrinsic.SCOPE_NAME: _Column("scope_name", piece="at_origin"),
    Intrinsic.SCOPE_VERSION: _Column("scope_version", piece="at_origin"),
    Intrinsic.EVENT_NAME: _Column("e.name", piece="at_event", whole=True),
    Intrinsic.LINK_TRACE_ID: _Column("l.trace_id", "FixedString(16)", piece="at_link", whole=True),
    Intrinsic.LINK_SPAN_ID: _Column("l.span_id", "FixedString(8)", piece="at_link", whole=True),
}


def condition(filter_: Filter, binder: Binder) -> Condition:
    """True of the spans that the filter means; the values are in the binder's parameters."""
    if isinstance(filter_, And):
        return every(condition(part, binder) for part in filter_.parts)
    if isinstance(filter_, Or):
        return some(condition(part, binder) for part in filter_.parts)
    if isinstance(filter_, Not):
        inner = condition(filter_.part, binder)
        return binder.piece("negation", inner.whole, condition=inner.sql)
    if isinstance(filter_.field, Attribute):
        return _of_attribute(filter_.field, filter_, binder)
    return _of_intrinsic(_COLUMNS[filter_.field], filter_, binder)


def _of_attribute(attribute: Attribute, comparison: Comparison, binder: Binder) -> Condition:
    key = binder.bind(attribute.key, "String")
    test = _test_of_value(comparison, binder).sql
    return some(_at_place(place, attribute.key, key, test, comparison, binder) for place in _PLACES[attribute.scope])


def _at_place(place: str, key: str, bound_key: str, test: str, comparison: Comparison, binder: Binder) -> Condition:
    if place in _ONLY_IN_WHOLE_SPANS:
        return binder.piece(place, whole=True, key=bound_key, test=test)
    if place != "in_attributes":
        return binder.piece(place, cheap=True, key=bound_key, test=test)
    if comparison.operator is Operator.EQUAL and comparison.value is not None:
        needed = may_have_value(binder, key, comparison.value)
    else:
        needed = has_key(binder, key)
    return replace(binder.piece(place, key=bound_key, test=test), needed=needed)


def _test_of_value(comparison: Comparison, binder: Binder) -> Condition:
    """On one attribute, `a`, of type and text."""
    operator, value = comparison.operator, comparison.value
    if operator is Operator.EXISTS:
        return every(())
    if operator in _OF_PATTERNS:
        piece = "pattern_value" if operator is Operator.MATCHES else "other_pattern_value"
        return binder.piece(piece, value=binder.bind(_whole_text(value), "String"))
    if isinstance(value, bool):
        return binder.piece("boolean_value", operator=operator.value, value=binder.bind(str(value).lower(), "String"))
    if isinstance(value, int):
        return binder.piece("integer_value", operator=operator.value, value=binder.bind(value, "Int64"))
    if isinstance(value, float):
        return binder.piece("number_value", operator=operator.value, value=binder.bind(value, "Float64"))
    return binder.piece("text_value", operator=operator.value, value=binder.bind(value, "String"))


def _of_intrinsic(column: _Column, comparison: Comparison, binder: Binder) -> Condition:
    test = _test_of_column(column, comparison, binder).sql
    return binder.piece(column.piece, column.whole, not column.whole, test=test)


def _test_of_column(column: _Column, comparison: Comparison, binder: Binder) -> Condition:
    operator, value = comparison.operator, comparison.value
    if operator is Operator.EXISTS:
        return binder.piece("is_given", column=column.expression, none=column.none)
    if operator in _OF_PATTERNS:
        piece = "pattern" if operator is Operator.MATCHES else "other_pattern"
        return binder.piece(piece, column=column.expression, value=binder.bind(_whole_text(value), "String"))
    if column.kind.startswith("FixedString"):
        return binder.piece("id", column=column.expression, operator=operator.value, value=binder.bind(value, "String"))
    return binder.piece(
        "compared", column=column.expression, operator=operator.value, value=binder.bind(value, column.kind)
    )


def patterns_of(filters: Iterable[Filter]) -> Iterator[str]:
    """The regular expressions that their conditions hold."""
    return (_whole_text(one.value) for one in comparisons(filters) if one.operator in _OF_PATTERNS)


def _whole_text(pattern: object) -> str:
    """As in PromQL and TraceQL."""
    return f"^(?:{pattern})$"
