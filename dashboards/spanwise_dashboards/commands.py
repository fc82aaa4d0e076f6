"""`spanwise dashboards`: what generates boards, rules and configuration for Grafana and Prometheus."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from importlib import import_module
from typing import Any


def dashboards(argv: list[str]) -> int:
    """Grafana boards, Prometheus rules and their configuration, generated from the standard."""
    parsed = _parser().parse_args(argv)
    command = getattr(import_module(f"spanwise_dashboards.{parsed.command}_command"), parsed.command)
    return int(command(parsed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="spanwise dashboards", description=dashboards.__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (_add_generate, _add_check, _add_preview, _add_push, _add_diff):
        add(commands)
    return parser


def _add_settings(parser: argparse.ArgumentParser, table: Iterable[Any]) -> None:
    from spanwise.settings import add_flags
    from spanwise_dashboards.settings import REPEATED

    listed = list(table)
    add_flags(parser, [setting for setting in listed if setting not in REPEATED])
    for setting in (setting for setting in REPEATED if setting in listed):
        parser.add_argument(
            setting.flag,
            dest=setting.variable,
            metavar=setting.kind.name.upper(),
            action="append",
            help=f"{setting.help} May be given more than once. [{setting.variable}]",
        )


def _add_generate(commands: Any) -> None:
    from spanwise_dashboards.settings import GENERATE_SETTINGS

    generate = commands.add_parser(
        "generate",
        help="write boards, recording rules and provisioning files",
        description="Writes boards, recording rules and provisioning files; the same bytes for the same flags.",
    )
    _add_settings(generate, GENERATE_SETTINGS)
    generate.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit 1 and name the files that differ from what is generated",
    )


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help="boards or folders with some; without any, our own")


def _add_check(commands: Any) -> None:
    from spanwise_dashboards.settings import SOURCE_SETTINGS

    check = commands.add_parser(
        "check",
        help="say what is wrong with boards",
        description="Checks boards against Grafana's types, the standard and each other: ours, or those in FILES.",
    )
    _add_files(check)
    _add_settings(check, SOURCE_SETTINGS)
    check.add_argument("--prometheus", metavar="URL", help="also ask every query, and say why one returns nothing")
    check.add_argument("--ignore", metavar="CHECK", action="append", default=[], help="leave out this check's findings")


def _add_preview(commands: Any) -> None:
    preview = commands.add_parser(
        "preview",
        help="draw boards as pages, without Grafana",
        description="Draws boards as static pages from what a running Prometheus answers: ours, or those in FILES.",
    )
    _add_files(preview)
    preview.add_argument("--prometheus", metavar="URL", required=True, help="the Prometheus to ask")
    preview.add_argument("--out", metavar="DIR", default="preview", help="the folder to write to [default: preview]")
    preview.add_argument("--range", metavar="DURATION", default="1h", help="how far back [default: 1h]")
    preview.add_argument("--var", metavar="NAME=VALUE", action="append", default=[], help="choose a variable's value")


def _add_push(commands: Any) -> None:
    from spanwise_dashboards.settings import GRAFANA_SETTINGS, GRAFANA_TOKEN

    push = commands.add_parser(
        "push",
        help="save boards in a running Grafana",
        description="Saves boards in a running Grafana: ours, or those in FILES. What somebody edited there is shown "
        f"and not overwritten. The token of a service account is read from {GRAFANA_TOKEN.variable} alone.",
    )
    _add_files(push)
    _add_settings(push, GRAFANA_SETTINGS)
    push.add_argument("--dry-run", action="store_true", help="save nothing; say what would be saved")
    for flag, what in (("--overwrite", "lose the edits"), ("--keep", "leave the edits")):
        push.add_argument(
            flag,
            metavar="UID",
            action="append",
            default=[],
            help=f"{what} that this board has in Grafana; may be given more than once",
        )


def _add_diff(commands: Any) -> None:
    from spanwise_dashboards.settings import DIFF_SETTINGS, GRAFANA_TOKEN

    diff = commands.add_parser(
        "diff",
        help="show how far a Grafana, or a folder, is from what is generated",
        description="Shows how far a running Grafana, or FOLDER, is from what is generated, and which services have no "
        f"board of their own metrics; exit 1 where there is a difference. The token: {GRAFANA_TOKEN.variable}.",
    )
    diff.add_argument("folder", nargs="?", metavar="FOLDER", help="what `generate --out` wrote to; without it, Grafana")
    _add_settings(diff, DIFF_SETTINGS)
