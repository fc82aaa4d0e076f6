"""A TraceQL query as a search: which traces may fit, and the query that says which do and shows their spans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from spanwise_collector.query import Binder, Condition
from spanwise_collector.traceql._check import fields_of
from spanwise_collector.traceql._fields import INTRINSICS, Needs
from spanwise_collector.traceql._pieces import piece
from spanwise_collector.traceql._spansets import Relation, Scope, necessary_conditions
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
    Pipeline,
    Select,
    Stage,
    Unary,
)

# What an answer has in another place already.
_SHOWN_ELSEWHERE = frozenset({"name", "duration", "traceID", "spanID", "traceDuration", "rootName", "rootServiceName"})


@dataclass(frozen=True, slots=True)
class SpansetSearch:
    """`conditions` are for `query.Search`, with `candidate_parameters` and the bounds of duration; the rest is for
    `traceql_spansets.sql`. `shown` and `labels` are the names of what its arrays hold, in their order."""

    conditions: tuple[Condition, ...]
    candidate_parameters: dict[str, Any]
    parameters: dict[str, Any]
    places: dict[str, str]
    min_duration_ns: int | None
    max_duration_ns: int | None
    shown: tuple[str, ...]
    labels: tuple[str, ...]
    patterns: tuple[str, ...]


def spanset_search(pipeline: Pipeline) -> SpansetSearch:
    """Raises TraceQLError."""
    candidates, binder = Binder(), Binder()
    relation = Relation(binder, Scope.IDS)
    shown = {name_of(field): relation.shown(field) for field in _shown(pipeline)}
    labels = {f"by({written(stage.field)})": relation.pair(stage.field) for stage in _groupings(pipeline)}
    name = relation.value(piece("intrinsic_name"))
    duration = relation.value(piece("intrinsic_duration"))
    compiled = relation.compile(pipeline)
    labels |= {
        written(aggregate): piece("aggregate_pair", type=_type_of(aggregate), value=column)
        for aggregate, column in compiled.aggregates
    }
    return SpansetSearch(
        conditions=tuple(necessary_conditions(pipeline, candidates)),
        candidate_parameters=candidates.parameters,
        parameters=binder.parameters,
        places={
            "tree": compiled.tree,
            "spansets": compiled.sql,
            "duration": duration,
            "name": name,
            "shown": ", ".join(shown.values()),
            "labels": ", ".join(labels.values()),
        },
        min_duration_ns=_duration_bound(pipeline, (">", ">=", "="), max),
        max_duration_ns=_duration_bound(pipeline, ("<", "<=", "="), min),
        shown=tuple(shown),
        labels=tuple(labels),
        patterns=compiled.patterns,
    )


def name_of(field: Attribute | Intrinsic) -> str:
    """How an answer names it: an attribute without its scope, as Grafana's columns and Drilldown expect it."""
    return field.name if isinstance(field, Attribute) else field.text.removeprefix("span:")


def written(field: Field) -> str:
    """How the query writes it, but for white space and parentheses."""
    if isinstance(field, Aggregate):
        return f"{field.function}({written(field.of) if field.of is not None else ''})"
    if isinstance(field, Unary):
        return f"{field.operator}{written(field.operand)}"
    if isinstance(field, Binary):
        return f"{written(field.left)} {field.operator} {written(field.right)}"
    return field.text


def _duration_bound(
    pipeline: Pipeline, operators: tuple[str, ...], tightest: Callable[[Iterable[int]], int]
) -> int | None:
    """What the first filter asks of the duration of the whole trace, in nanoseconds."""
    first = pipeline.stages[0]
    bounds = [
        int(condition.right.value)
        for condition in (_conjuncts(first.condition) if isinstance(first, Filter) else ())
        if isinstance(condition, Binary)
        and condition.operator in operators
        and isinstance(condition.left, Intrinsic)
        and condition.left.name == "traceDuration"
        and isinstance(condition.right, Literal)
        and isinstance(condition.right.value, int)
    ]
    return tightest(bounds) if bounds else None


def _conjuncts(field: Field | None) -> Iterator[Field]:
    if isinstance(field, Binary) and field.operator == "&&":
        yield from _conjuncts(field.left)
        yield from _conjuncts(field.right)
    elif field is not None:
        yield field


def _type_of(aggregate: Aggregate) -> str:
    of = aggregate.of
    if of is None:
        return "int"
    return "duration" if isinstance(of, Intrinsic) and INTRINSICS[of.name].is_duration else "double"


def _groupings(pipeline: Pipeline) -> Iterator[By]:
    """Those that still hold at the end."""
    found: list[By] = []
    for stage in pipeline.stages:
        if isinstance(stage, By):
            found.append(stage)
        elif isinstance(stage, Coalesce):
            found.clear()
    yield from found


def _shown(pipeline: Pipeline) -> Iterator[Attribute | Intrinsic]:
    """What is selected, and what the filters name, as far as it costs nothing."""
    for stage in _stages(pipeline):
        if isinstance(stage, Select):
            for field in stage.fields:
                yield from (one for one in fields_of(field) if one.name not in _SHOWN_ELSEWHERE or _is_attribute(one))
        elif isinstance(stage, Filter):
            yield from (one for one in fields_of(stage.condition) if _is_attribute(one) or _is_cheap(one.name))


def _is_attribute(field: Attribute | Intrinsic) -> bool:
    return isinstance(field, Attribute)


def _is_cheap(name: str) -> bool:
    return name not in _SHOWN_ELSEWHERE and INTRINSICS[name].needs in (Needs.NOTHING, Needs.WHOLE)


def _stages(stage: Stage) -> Iterator[Stage]:
    if isinstance(stage, Pipeline):
        for inner in stage.stages:
            yield from _stages(inner)
    elif isinstance(stage, Combine):
        yield from _stages(stage.left)
        yield from _stages(stage.right)
    else:
        yield stage
