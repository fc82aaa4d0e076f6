"""`spanwise dashboards diff`: how far a Grafana, or a folder, is from what is generated."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from difflib import unified_diff
from pathlib import Path

from spanwise.command import fail
from spanwise.settings import Settings
from spanwise_dashboards.boards.own import own_uid
from spanwise_dashboards.discovery import Service
from spanwise_dashboards.grafana import GrafanaError
from spanwise_dashboards.kubernetes import TooLarge
from spanwise_dashboards.openslo import OpenSloError
from spanwise_dashboards.output import differences
from spanwise_dashboards.progress import Progress
from spanwise_dashboards.push import Action, plan
from spanwise_dashboards.push_command import grafana_of
from spanwise_dashboards.settings import GRAFANA_URL, SERVICES
from spanwise_dashboards.sources import our_boards, services_of, settings_of
from spanwise_dashboards.tree import generate


def diff(parsed: argparse.Namespace) -> int:
    """Prints a unified diff of each difference; exit code 1 where there is one."""
    settings = settings_of(parsed)
    services = services_of(settings)
    if not settings[SERVICES.variable]:
        sys.stderr.write(f"Boards of services' own metrics are not looked at; {SERVICES.flag} says where to ask.\n")
    missing, changed = (
        _folder(Path(parsed.folder), settings, services) if parsed.folder else _grafana(settings, services)
    )
    for name, lines in changed:
        sys.stdout.write("\n".join([*lines, ""]) if lines else f"{name} differs\n")
    for name in missing:
        sys.stdout.write(f"missing: {name}\n")
    for line in _without_board(services, missing):
        sys.stdout.write(line + "\n")
    where = parsed.folder or settings[GRAFANA_URL.variable]
    sys.stderr.write(f"{where}: {len(missing)} missing, {len(changed)} different\n")
    return 1 if missing or changed else 0


Difference = tuple[list[str], list[tuple[str, list[str]]]]


def _grafana(settings: Settings, services: list[Service]) -> Difference:
    documents = [board.to_json() for board in our_boards(settings, services)]
    try:
        with Progress("comparing", len(documents)) as progress:
            steps = plan(grafana_of(settings), documents, progress=progress.step)
    except GrafanaError as error:
        fail(str(error))
    missing = [step.uid for step in steps if step.action is Action.CREATE]
    changed = [(step.uid, step.diff()) for step in steps if step.action in (Action.UPDATE, Action.CONFLICT)]
    return missing, changed


def _folder(root: Path, settings: Settings, services: list[Service]) -> Difference:
    try:
        tree = generate(settings, services)
        paths = differences(tree, root)
        missing = [path for path in paths if not (root / path).is_file()]
        changed = [
            (path, _lines(path, (root / path).read_text(encoding="utf-8", errors="replace"), tree[path]))
            for path in paths
            if path not in missing
        ]
    except (OpenSloError, TooLarge) as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot read {error.filename or root}: {error.strerror}")
    return missing, changed


def _lines(path: str, before: str, after: str) -> list[str]:
    return list(
        unified_diff(before.splitlines(), after.splitlines(), f"{path} (file)", f"{path} (generated)", lineterm="")
    )


def _without_board(services: list[Service], missing: Iterable[str]) -> Iterable[str]:
    """Services that declare metrics and whose board of them is among the missing ones."""
    gone = {Path(name).name.removesuffix(".json") for name in missing}
    for service in services:
        if own_uid(service.name) in gone:
            yield f"no board of its own metrics: {service.name}, which declares {len(service.metrics)}"
