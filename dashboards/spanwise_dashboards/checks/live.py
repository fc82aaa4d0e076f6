"""Every query of a board on a running Prometheus; one that returns nothing is explained.

Variables stand for everything they may be, so a query is empty only where no choice of them would show anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from promql_parser import VectorSelector, parse

from spanwise_dashboards.checks.finding import Finding, Json, on_panel, panels_of, promql_targets
from spanwise_dashboards.checks.queries import places, stand_ins
from spanwise_dashboards.checks.vocabulary import Vocabulary
from spanwise_dashboards.prometheus import Prometheus, PrometheusError
from spanwise_dashboards.variables import fill_variables

# A variable in an equality stands for one value: as a pattern it stands for all.
_EQUAL_TO_VARIABLE = re.compile(r'(?<![!=~<>])="(\$\{?\w+[^"]*)"')


def queries_return_data(board: Json, prometheus: Prometheus, vocabulary: Vocabulary) -> Iterator[Finding]:
    for panel in panels_of(board):
        for target in promql_targets(panel):
            expr = target.get("expr", "")
            try:
                filled = fill_variables(_EQUAL_TO_VARIABLE.sub(r'=~"\1"', expr), **stand_ins(expr))
                why = explain(filled, prometheus, vocabulary)
            except (PrometheusError, ValueError) as error:
                why = str(error)
            if why:
                yield on_panel(board, panel, f"query {target.get('refId')}: {why}")


def explain(expr: str, prometheus: Prometheus, vocabulary: Vocabulary) -> str:
    """Why an expression without variables returns nothing; empty where it returns something.

    Raises PrometheusError, and ValueError for one that does not parse.
    """
    if prometheus.instant(expr):
        return ""
    selectors = [place.node for place in places(parse(expr)) if isinstance(place.node, VectorSelector)]
    for selector in selectors:
        reason = _why_nothing_matches(selector, prometheus, vocabulary)
        if reason:
            return f"returns nothing: {reason}"
    return (
        "returns nothing although every series in it is there: a comparison leaves none, the labels of its two sides "
        "differ, or its window holds fewer than two samples"
    )


def _why_nothing_matches(selector: VectorSelector, prometheus: Prometheus, vocabulary: Vocabulary) -> str:
    name = selector.name
    if not name:
        return ""
    if not prometheus.instant(f"count({name})"):
        metric = vocabulary.metrics.get(name)
        who = f"; services of the kind {metric.had_by.value!r} have it" if metric else ""
        rule = "; is the generated rule file loaded?" if name in vocabulary.records else ""
        return f"no target that is scraped has {name}{who}{rule}"
    matchers: list[str] = []
    for matcher in selector.matchers.matchers:
        operator = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}[str(matcher.op).rpartition(".")[2]]
        value = matcher.value.replace("\\", "\\\\").replace('"', '\\"')
        matchers.append(f'{matcher.name}{operator}"{value}"')
        if not prometheus.instant(f"count({name}{{{', '.join(matchers)}}})"):
            return f"no series of {name} has {matchers[-1]}"
    return ""
