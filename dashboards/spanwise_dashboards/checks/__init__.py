"""What must be true of every board and rule. A check is a function from one board's document to findings, listed here.

The checks read the JSON that Grafana reads, not the objects it was made from, so that they also hold for boards that
somebody else wrote. Many of the rules are those of Grafana's dashboard-linter, with `environment` and `service_name`
in the place of its `job` and `instance`. Queries are parsed with promql-parser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from spanwise_dashboards.checks import links, live, panels, queries, schema, structure, variables
from spanwise_dashboards.checks.finding import Finding, Json
from spanwise_dashboards.checks.vocabulary import Vocabulary, standard
from spanwise_dashboards.prometheus import Prometheus

Check = Callable[[Json], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    schema.document_fits_grafanas_types,
    structure.schema_is_current,
    structure.uid_is_usable,
    structure.ids_are_unique,
    structure.panels_fit_the_grid,
    structure.panels_do_not_overlap,
    panels.panel_is_described,
    panels.panel_has_a_unit,
    panels.panel_uses_the_datasource_variable,
    panels.ref_ids_are_unique,
    panels.thresholds_ascend,
    panels.common_maximum_is_common,
    variables.datasource_is_chosen,
    variables.values_follow_the_time_range,
    variables.all_is_a_pattern,
    queries.variables_exist,
    queries.window_follows_the_panel,
    queries.selectors_carry_the_environment,
    links.links_lead_somewhere,
)


def check_boards(documents: Iterable[Json], vocabulary: Vocabulary | None = None) -> list[Finding]:
    """Every finding on boards that are published together; links between them must resolve among them.

    One after the other: of a thousand boards no more than one need be in memory.
    """
    known = vocabulary or standard()

    def query_is_sound(document: Json) -> Iterator[Finding]:
        return queries.query_is_sound(document, known)

    found: list[Finding] = []
    uids: set[str] = set()
    every_lead: dict[tuple[str, str, str], None] = {}
    looks = panels.Looks()
    for document in documents:
        uids.add(str(document.get("uid")))
        every_lead.update(dict.fromkeys(links.leads(document)))
        for check in (*CHECKS, query_is_sound):
            found += [_ruled(check.__name__, one) for one in check(document)]
        found += [_ruled("same_question_same_look", one) for one in looks.same_question_same_look(document)]
    return found + [_ruled("board_links_resolve", one) for one in links.board_links_resolve(uids, every_lead)]


def check_live(document: Json, prometheus: Prometheus, vocabulary: Vocabulary | None = None) -> list[Finding]:
    """Which queries of a board return nothing on a running Prometheus, and why."""
    found = live.queries_return_data(document, prometheus, vocabulary or standard())
    return [_ruled("queries_return_data", one) for one in found]


def rules() -> list[str]:
    """The names of all checks."""
    return [
        *(check.__name__ for check in CHECKS),
        "query_is_sound",
        "same_question_same_look",
        "board_links_resolve",
        "queries_return_data",
    ]


def _ruled(rule: str, finding: Finding) -> Finding:
    return replace(finding, rule=rule)


def check_expression(expr: str, vocabulary: Vocabulary | None = None) -> list[str]:
    """What is wrong with one PromQL expression without variables, such as a recording rule's."""
    return list(queries.faults_of(expr, vocabulary or standard()))
