"""`spanwise dashboards check`: what is wrong with boards, ours or anybody's."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spanwise.command import fail
from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.checks import check_boards, check_live, rules
from spanwise_dashboards.checks.finding import Finding
from spanwise_dashboards.progress import Progress
from spanwise_dashboards.prometheus import Prometheus, PrometheusError

Json = dict[str, Any]


def check(parsed: argparse.Namespace) -> int:
    """Prints a line for each finding; exit code 1 where there is one."""
    unknown = sorted(set(parsed.ignore) - set(rules()))
    if unknown:
        fail(f"--ignore {unknown[0]} is not a check; there are {', '.join(rules())}")
    documents = load(parsed.files) if parsed.files else [board.to_json() for board in all_boards()]
    findings = list(check_boards(documents))
    if parsed.prometheus:
        findings += _live(documents, Prometheus(parsed.prometheus))
    shown = [finding for finding in findings if finding.rule not in parsed.ignore]
    for finding in shown:
        sys.stdout.write(f"{finding} [{finding.rule}]\n")
    queries = sum(len(panel.get("targets", [])) for board in documents for panel in board.get("panels", []))
    sys.stderr.write(f"{len(documents)} boards, {queries} queries, {len(shown)} findings\n")
    return 1 if shown else 0


def _live(documents: list[Json], prometheus: Prometheus) -> Iterable[Finding]:
    try:
        prometheus.instant("1")
    except PrometheusError as error:
        fail(str(error))
    findings: list[Finding] = []
    with Progress("asking Prometheus", len(documents)) as progress:
        for document in documents:
            findings += check_live(document, prometheus)
            progress.step()
    return findings


def load(names: list[str]) -> list[Json]:
    """The boards in files and folders; in a folder every `.json` that has panels. Ends the command on a bad file."""
    documents = []
    for name in names:
        path = Path(name)
        for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
            document = _board(file)
            if document is not None:
                documents.append(document)
            elif not path.is_dir():
                fail(f"{file} is not a dashboard: it is no JSON object with panels")
    if not documents:
        fail(f"there is no dashboard in {', '.join(names)}: give .json files or folders with some")
    return documents


def _board(file: Path) -> Json | None:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}")
    except ValueError as error:
        fail(f"{file} is not JSON: {error}")
    if isinstance(document, dict) and isinstance(document.get("dashboard"), dict):
        document = document["dashboard"]  # as Grafana's HTTP API returns it
    return document if isinstance(document, dict) and isinstance(document.get("panels"), list) else None
