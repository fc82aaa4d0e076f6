"""The type checker: what can never be true or computed is refused with its column, before any span is read."""

from __future__ import annotations

from collections.abc import Iterator

from spanwise_collector.traceql._fields import INTRINSICS, MANY_SCOPES
from spanwise_collector.traceql._tree import (
    Aggregate,
    Attribute,
    Binary,
    By,
    Combine,
    Field,
    Filter,
    Intrinsic,
    Literal,
    Metric,
    Pipeline,
    Query,
    ScalarFilter,
    Select,
    Stage,
    TraceQLError,
    Type,
    Unary,
)

_LOGIC = frozenset({"&&", "||"})
_ORDER = frozenset({">", ">=", "<", "<="})
_EQUALITY = frozenset({"=", "!="})
_REGEX = frozenset({"=~", "!~"})
# Each costs the engine some ms to plan, again for each window of time.
_MOST_UNSCOPED = 20
COMPARISONS = _ORDER | _EQUALITY | _REGEX


def check(query: Query) -> None:
    """Raises TraceQLError."""
    for stage in query.pipeline.stages:
        _check_stage(stage)
    _check_size(query.pipeline)
    if query.metric is not None:
        _check_metric(query.metric)
    elif query.ranks:
        raise TraceQLError("topk and bottomk follow a metric such as rate()")


def type_of(field: Field) -> Type:
    """The type of an expression, whose parts are checked on the way. Raises TraceQLError."""
    if isinstance(field, Literal):
        return field.type
    if isinstance(field, Attribute):
        return Type.ANY
    if isinstance(field, Intrinsic):
        return INTRINSICS[field.name].type
    if isinstance(field, Aggregate):
        return Type.NUMBER
    if isinstance(field, Unary):
        wanted = Type.BOOLEAN if field.operator == "!" else Type.NUMBER
        _must_be(field.operand, wanted, field.operator)
        _not_many(field.operand, field.operator)
        return wanted
    return _type_of_binary(field)


def is_many(field: Field) -> bool:
    """Whether a span may have several values of it: one for each of its events or links."""
    if isinstance(field, Attribute):
        return field.scope in MANY_SCOPES
    return isinstance(field, Intrinsic) and INTRINSICS[field.name].many


def fields_of(field: Field | None) -> Iterator[Attribute | Intrinsic]:
    """The attributes and intrinsic fields in it, from left to right."""
    if isinstance(field, Attribute | Intrinsic):
        yield field
    elif isinstance(field, Unary):
        yield from fields_of(field.operand)
    elif isinstance(field, Binary):
        yield from fields_of(field.left)
        yield from fields_of(field.right)
    elif isinstance(field, Aggregate):
        yield from fields_of(field.of)


def _check_size(pipeline: Pipeline) -> None:
    unscoped = [field for field in _filtered(pipeline) if isinstance(field, Attribute) and not field.scope]
    if len(unscoped) > _MOST_UNSCOPED:
        raise TraceQLError(
            f"TraceQL, column {unscoped[_MOST_UNSCOPED].at}: more than {_MOST_UNSCOPED} attributes without a scope,"
            " which are looked for in spans and resources: say where, with span. or resource."
        )


def _filtered(stage: Stage) -> Iterator[Attribute | Intrinsic]:
    """The fields of all filters."""
    if isinstance(stage, Filter):
        yield from fields_of(stage.condition)
    elif isinstance(stage, Combine):
        yield from _filtered(stage.left)
        yield from _filtered(stage.right)
    elif isinstance(stage, Pipeline):
        for inner in stage.stages:
            yield from _filtered(inner)


def _check_stage(stage: Stage) -> None:
    if isinstance(stage, Filter):
        if stage.condition is not None:
            _must_be(stage.condition, Type.BOOLEAN, "{ }")
            _not_many(stage.condition, "{ }")
    elif isinstance(stage, Combine):
        _check_stage(stage.left)
        _check_stage(stage.right)
    elif isinstance(stage, Pipeline):
        for inner in stage.stages:
            _check_stage(inner)
    elif isinstance(stage, ScalarFilter):
        _check_scalar(stage.comparison)
    elif isinstance(stage, By):
        type_of(stage.field)
    elif isinstance(stage, Select):
        for field in stage.fields:
            if not isinstance(field, Attribute | Intrinsic):
                raise TraceQLError(f"TraceQL, column {field.at}: select() takes attributes and fields")


def _check_metric(metric: Metric) -> None:
    if metric.function == "compare":
        if metric.of is not None:
            _must_be(metric.of, Type.BOOLEAN, "compare")
            _not_many(metric.of, "compare")
    elif metric.of is not None:
        _must_be(metric.of, Type.NUMBER, metric.function)
        _not_many(metric.of, metric.function)
    for quantile in metric.quantiles:
        if not 0 <= quantile <= 1:
            raise TraceQLError(f"TraceQL, column {metric.at}: the quantile {quantile:g} is not from 0 to 1")
    for field in metric.by:
        type_of(field)


def _check_scalar(field: Field) -> None:
    if isinstance(field, Aggregate):
        if field.of is not None:
            _must_be(field.of, Type.NUMBER, field.function)
            _not_many(field.of, field.function)
    elif isinstance(field, Binary):
        _check_scalar(field.left)
        _check_scalar(field.right)
    elif isinstance(field, Unary):
        _check_scalar(field.operand)


def _type_of_binary(field: Binary) -> Type:
    operator = field.operator
    if operator in _LOGIC:
        for side in (field.left, field.right):
            _must_be(side, Type.BOOLEAN, operator)
            _not_many(side, operator)
        return Type.BOOLEAN
    if operator not in COMPARISONS:
        for side in (field.left, field.right):
            _must_be(side, Type.NUMBER, operator)
            _not_many(side, operator)
        return Type.NUMBER
    if is_many(field.left) and is_many(field.right):
        raise TraceQLError(f"TraceQL, column {field.at}: only one side may be of events or links")
    left, right = type_of(field.left), type_of(field.right)
    if operator in _REGEX:
        if left not in (Type.STRING, Type.ANY):
            raise TraceQLError(f"TraceQL, column {field.left.at}: {operator} needs text, this is {left.value}")
        if not isinstance(field.right, Literal) or right is not Type.STRING:
            raise TraceQLError(f"TraceQL, column {field.right.at}: {operator} needs a pattern in quotes")
    else:
        _check_comparison(field, left, right)
    return Type.BOOLEAN


def _check_comparison(field: Binary, left: Type, right: Type) -> None:
    if Type.NIL in (left, right) and field.operator not in _EQUALITY:
        raise TraceQLError(f"TraceQL, column {field.at}: with nil only = and != can be used")
    if left is not right and not {Type.ANY, Type.NIL} & {left, right}:
        raise TraceQLError(f"TraceQL, column {field.at}: {left.value} cannot be compared with {right.value}")
    if field.operator in _ORDER and {left, right} & {Type.STATUS, Type.KIND, Type.BOOLEAN}:
        named = left if left is not Type.ANY else right
        raise TraceQLError(f"TraceQL, column {field.at}: {named.value} has no order: use = or !=")


def _must_be(field: Field, wanted: Type, where: str) -> None:
    found = type_of(field)
    if found not in (wanted, Type.ANY):
        raise TraceQLError(f"TraceQL, column {field.at}: {where} needs {wanted.value}, this is {found.value}")


def _not_many(field: Field, where: str) -> None:
    if is_many(field):
        raise TraceQLError(
            f"TraceQL, column {field.at}: a span may have many of {getattr(field, 'text', 'them')}:"
            f" compare it, {where} needs one value"
        )
