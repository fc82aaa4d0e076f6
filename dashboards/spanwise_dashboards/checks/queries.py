"""Queries: they parse, and every metric and label in them is one the standard knows, used the way its kind allows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import promql_parser
from promql_parser import (
    AggModifierType,
    AggregateExpr,
    BinaryExpr,
    Call,
    MatrixSelector,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
)

from spanwise_dashboards.checks.finding import Finding, Json, on_board, on_panel, panels_of, promql_targets
from spanwise_dashboards.checks.vocabulary import Vocabulary
from spanwise_dashboards.variables import ALL, ENVIRONMENT_MATCHER, fill_variables, variables_in

_ANY_WORD = "x"  # the parser builds each pattern into an automaton; that of `.+` takes it 40 µs
_RATES = {"rate", "irate", "increase"}
_MACROS = {"__rate_interval", "__interval", "__range"}
_FIXED_WINDOW = re.compile(r"\[\d+[a-z]+")
_SELECTOR = re.compile(r"\b[a-zA-Z_:][\w:]*\{([^}]*)\}")
_AS_DURATION = re.compile(r"\[\$\{?(\w+)")
_AS_OFFSET = re.compile(r"offset \$\{?(\w+)")
_AS_NUMBER = re.compile(r"(?:topk|bottomk|quantile)\s*\(\$\{?(\w+)")
_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.*), (?P<label>\w+)\)")


def variables_exist(board: Json) -> Iterator[Finding]:
    known = {variable["name"] for variable in board.get("templating", {}).get("list", [])} | _MACROS
    for panel in panels_of(board):
        for target in promql_targets(panel):
            for name in sorted(variables_in(target.get("expr", "")) - known):
                yield on_panel(
                    board, panel, f"query {target.get('refId')} names ${name}, which this board does not have"
                )


def query_is_sound(board: Json, vocabulary: Vocabulary) -> Iterator[Finding]:
    for panel in panels_of(board):
        for target in promql_targets(panel):
            for fault in _faults_with_variables(target.get("expr", ""), vocabulary):
                yield on_panel(board, panel, f"query {target.get('refId')}: {fault}")
    for variable in board.get("templating", {}).get("list", []):
        match = _LABEL_VALUES.fullmatch(str(variable.get("query")))
        if match:
            for fault in _faults_with_variables(f"group by ({match['label']}) ({match['selector']})", vocabulary):
                yield on_board(board, f"variable {variable['name']}: {fault}")


def window_follows_the_panel(board: Json) -> Iterator[Finding]:
    """A fixed window is too short for a wide time range and too long for a narrow one."""
    for panel in panels_of(board):
        for target in promql_targets(panel):
            if _FIXED_WINDOW.search(target.get("expr", "")):
                yield on_panel(board, panel, f"query {target.get('refId')} has a fixed window; use $__rate_interval")


def selectors_carry_the_environment(board: Json) -> Iterator[Finding]:
    for panel in panels_of(board):
        for target in promql_targets(panel):
            selectors = _SELECTOR.findall(target.get("expr", ""))
            if not selectors or any(ENVIRONMENT_MATCHER not in matchers for matchers in selectors):
                yield on_panel(
                    board, panel, f"query {target.get('refId')} mixes environments: add {ENVIRONMENT_MATCHER}"
                )


def _faults_with_variables(expr: str, vocabulary: Vocabulary) -> Iterator[str]:
    try:
        filled = fill_variables(expr, **stand_ins(expr, _ANY_WORD))
    except ValueError as error:
        yield str(error)
        return
    yield from faults_of(filled, vocabulary)


def stand_ins(expr: str, elsewhere: str = ALL) -> dict[str, str]:
    """A value for each variable that parses where it stands: a duration in brackets and after `offset`, a number as the
    first argument of topk() and the like, `elsewhere` otherwise."""
    values = dict.fromkeys(variables_in(expr) - _MACROS, elsewhere)
    for pattern, value in ((_AS_DURATION, "5m"), (_AS_OFFSET, "1s"), (_AS_NUMBER, "5")):
        values.update(dict.fromkeys(set(pattern.findall(expr)) & values.keys(), value))
    return values


def faults_of(expr: str, vocabulary: Vocabulary) -> Iterator[str]:
    """What is wrong with an expression without variables."""
    try:
        tree = promql_parser.parse(expr)
    except ValueError as error:
        yield f"does not parse: {error}"
        return
    for place in places(tree):
        for check in _CHECKS.get(type(place.node), ()):
            yield from check(place, vocabulary)


@dataclass(frozen=True, slots=True)
class Place:
    """A node of an expression: what it stands in, innermost last, and every node from itself downwards.

    The parser's nodes are made anew at each look at a property, so each is looked at once.
    """

    node: Any
    parents: tuple[Any, ...]
    below: list[Any]

    @property
    def series(self) -> list[str]:
        return [str(one.name) for one in self.below if type(one) is VectorSelector]


def places(node: Any, parents: tuple[Any, ...] = ()) -> list[Place]:
    """Every node of an expression, outermost first."""
    here = Place(node, parents, [node])
    found = [here]
    inside = (*parents, node)
    for child in _CHILDREN[type(node)](node) if type(node) in _CHILDREN else ():
        deeper = places(child, inside)
        here.below.extend(deeper[0].below)
        found += deeper
    return found


_CHILDREN: dict[type, Callable[[Any], Sequence[Any]]] = {
    BinaryExpr: lambda node: (node.lhs, node.rhs),
    Call: lambda node: node.args,
    MatrixSelector: lambda node: (node.vector_selector,),
    **dict.fromkeys((AggregateExpr, ParenExpr, SubqueryExpr, UnaryExpr), lambda node: (node.expr,)),
}


def _metric_is_known(place: Place, vocabulary: Vocabulary) -> Iterator[str]:
    if not vocabulary.knows(place.node.name):
        yield f"the standard has no metric {place.node.name}"


def _matched_labels_are_known(place: Place, vocabulary: Vocabulary) -> Iterator[str]:
    node = place.node
    if vocabulary.knows(node.name):
        yield from _unknown({matcher.name for matcher in node.matchers.matchers}, [node.name], vocabulary)


def _grouping_labels_are_known(place: Place, vocabulary: Vocabulary) -> Iterator[str]:
    modifier = place.node.modifier
    if modifier is not None:
        yield from _unknown(set(modifier.labels) - _labels_made_in(place), place.series, vocabulary)


def _unknown(used: set[str], series: list[str], vocabulary: Vocabulary) -> Iterator[str]:
    for one in dict.fromkeys(series):
        if vocabulary.knows(one):
            for label in sorted(used - vocabulary.labels(one)):
                yield f"{one} has no label {label}"


def _labels_made_in(place: Place) -> set[str]:
    """Labels that label_replace() and label_join() write: the second argument of both."""
    calls = [one for one in place.below if type(one) is Call]
    return {call.args[1].val for call in calls if call.func.name in ("label_replace", "label_join")}


def _counter_is_rated(place: Place, vocabulary: Vocabulary) -> Iterator[str]:
    """A counter means something only by its growth; a gauge's growth is not a rate of events."""
    node, parents = place.node, place.parents
    grows = vocabulary.grows(node.name)
    function = next((parent.func.name for parent in reversed(parents) if isinstance(parent, Call)), "")
    in_range = bool(parents) and isinstance(parents[-1], MatrixSelector)
    if grows and not (in_range and function in _RATES) and not _only_existence(parents):
        yield f"{node.name} only grows: use it inside rate() or increase()"
    if grows is False and function in _RATES:
        yield f"{node.name} is a gauge: {function}() is for counters"


def _only_existence(parents: tuple[Any, ...]) -> bool:
    """`group` and `count` ask which series there are, not for their values."""
    return bool(parents) and isinstance(parents[-1], AggregateExpr) and str(parents[-1].op) in ("group", "count")


def _le_is_kept(place: Place, _: Vocabulary) -> Iterator[str]:
    if place.node.func.name != "histogram_quantile":
        return
    for series in place.series:
        if not series.endswith("_bucket"):
            yield f"histogram_quantile() needs buckets, not {series}"
    for inner in place.below:
        if isinstance(inner, AggregateExpr) and not _keeps_le(inner):
            yield "histogram_quantile() needs the label le, which an aggregation inside it drops"


def _keeps_le(node: Any) -> bool:
    if node.modifier is None:
        return False
    named = "le" in node.modifier.labels
    return named if node.modifier.type == AggModifierType.By else not named


def _quantile_is_final(place: Place, _: Vocabulary) -> Iterator[str]:
    """The average or sum of quantiles is no quantile of anything; the highest of them is what it says."""
    if place.node.func.name != "histogram_quantile":
        return
    for parent in place.parents:
        if isinstance(parent, AggregateExpr) and str(parent.op) not in ("max", "min"):
            yield f"{parent.op} of quantiles: aggregate the buckets instead"


# What is asked of which kind of node.
_CHECKS: dict[type, tuple[Callable[[Place, Vocabulary], Iterator[str]], ...]] = {
    VectorSelector: (_metric_is_known, _matched_labels_are_known, _counter_is_rated),
    AggregateExpr: (_grouping_labels_are_known,),
    Call: (_le_is_kept, _quantile_is_final),
}
