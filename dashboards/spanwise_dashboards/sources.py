"""Which boards a command is about: those in files, or our own, with those of services' own metrics among them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from spanwise.command import fail
from spanwise.settings import Settings, from_flags, resolve
from spanwise_dashboards.board import Board
from spanwise_dashboards.boards import all_boards, own_boards
from spanwise_dashboards.discovery import DiscoveryError, Service, discover
from spanwise_dashboards.prometheus import PrometheusError
from spanwise_dashboards.settings import COLLECTOR_URL, PROMETHEUS_URL, SERVICES, SETTINGS

Json = dict[str, Any]


def settings_of(parsed: argparse.Namespace) -> Settings:
    """Flags over variables over defaults; a flag given more than once is the comma-separated list that its setting
    reads. Raises SettingError."""
    joined: dict[str, Any] = {
        name: ",".join(value) if isinstance(value, list) else value for name, value in vars(parsed).items()
    }
    return resolve(SETTINGS, from_flags(SETTINGS, argparse.Namespace(**joined)))


def services_of(settings: Settings) -> list[Service]:
    """The services that `--services` leads to. Ends the command where that does not answer."""
    try:
        return discover(
            settings[SERVICES.variable], settings[COLLECTOR_URL.variable], settings[PROMETHEUS_URL.variable]
        )
    except (DiscoveryError, PrometheusError) as error:
        fail(str(error))


def our_boards(settings: Settings, services: list[Service]) -> list[Board]:
    """All boards of ours."""
    return [*all_boards(settings[COLLECTOR_URL.variable]), *own_boards(services)]


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
