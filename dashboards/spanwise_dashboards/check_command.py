"""`spanwise dashboards check`: what is wrong with boards, ours or anybody's."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from spanwise.command import fail
from spanwise_dashboards.checks import check_boards, check_live, rules
from spanwise_dashboards.checks.finding import Finding
from spanwise_dashboards.checks.vocabulary import Vocabulary, standard
from spanwise_dashboards.progress import Progress
from spanwise_dashboards.prometheus import Prometheus, PrometheusError
from spanwise_dashboards.sources import load, our_boards, services_of, settings_of

Json = dict[str, Any]


def check(parsed: argparse.Namespace) -> int:
    """Prints a line for each finding; exit code 1 where there is one."""
    unknown = sorted(set(parsed.ignore) - set(rules()))
    if unknown:
        fail(f"--ignore {unknown[0]} is not a check; there are {', '.join(rules())}")
    settings = settings_of(parsed)
    services = services_of(settings)
    vocabulary = standard().with_metrics(metric for service in services for metric in service.metrics)
    # One board after the other: of a thousand no more than one need be in memory.
    boards: list[Any] = load(parsed.files) if parsed.files else our_boards(settings, services)
    queries = 0

    def documents(what: str) -> Iterator[Json]:
        nonlocal queries
        queries = 0
        with Progress(what, len(boards)) as progress:
            for board in boards:
                document: Json = board if isinstance(board, dict) else board.to_json()
                queries += sum(len(panel.get("targets", [])) for panel in document.get("panels", []))
                yield document
                progress.step()

    findings = check_boards(documents("checking"), vocabulary)
    if parsed.prometheus:
        findings += _live(documents, Prometheus(parsed.prometheus), vocabulary)
    shown = [finding for finding in findings if finding.rule not in parsed.ignore]
    for finding in shown:
        sys.stdout.write(f"{finding} [{finding.rule}]\n")
    sys.stderr.write(f"{len(boards)} boards, {queries} queries, {len(shown)} findings\n")
    return 1 if shown else 0


def _live(
    documents: Callable[[str], Iterable[Json]], prometheus: Prometheus, vocabulary: Vocabulary
) -> Iterator[Finding]:
    try:
        prometheus.instant("1")
    except PrometheusError as error:
        fail(str(error))
    for document in documents("asking Prometheus"):
        yield from check_live(document, prometheus, vocabulary)
