"""`spanwise dashboards`: what generates boards, rules and configuration for Grafana and Prometheus."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def dashboards(argv: list[str]) -> int:
    """Grafana boards, Prometheus rules and their configuration, generated from the standard."""
    parsed = _parser().parse_args(argv)
    if parsed.command == "check":
        from spanwise_dashboards.check_command import check

        return check(parsed)
    if parsed.command == "preview":
        from spanwise_dashboards.preview_command import preview

        return preview(parsed)
    return _generate(parsed)


def _parser() -> argparse.ArgumentParser:
    from spanwise.settings import add_flags
    from spanwise_dashboards.settings import REPEATED, SETTINGS

    parser = argparse.ArgumentParser(prog="spanwise dashboards", description=dashboards.__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    generate = commands.add_parser(
        "generate",
        help="write boards, recording rules and provisioning files",
        description="Writes boards, recording rules and provisioning files; the same bytes for the same flags.",
    )
    add_flags(generate, [setting for setting in SETTINGS if setting not in REPEATED])
    for setting in REPEATED:
        generate.add_argument(
            setting.flag,
            dest=setting.variable,
            metavar=setting.kind.name.upper(),
            action="append",
            help=f"{setting.help} May be given more than once. [{setting.variable}]",
        )
    generate.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit 1 and name the files that differ from what is generated",
    )
    _add_check(commands)
    _add_preview(commands)
    return parser


def _add_check(commands: Any) -> None:
    check = commands.add_parser(
        "check",
        help="say what is wrong with boards",
        description="Checks boards against Grafana's types, the standard and each other: ours, or those in FILES.",
    )
    check.add_argument("files", nargs="*", metavar="FILE", help="boards or folders with some; without any, our own")
    check.add_argument("--prometheus", metavar="URL", help="also ask every query, and say why one returns nothing")
    check.add_argument("--ignore", metavar="CHECK", action="append", default=[], help="leave out this check's findings")


def _add_preview(commands: Any) -> None:
    preview = commands.add_parser(
        "preview",
        help="draw boards as pages, without Grafana",
        description="Draws boards as static pages from what a running Prometheus answers: ours, or those in FILES.",
    )
    preview.add_argument("files", nargs="*", metavar="FILE", help="boards or folders with some; without any, our own")
    preview.add_argument("--prometheus", metavar="URL", required=True, help="the Prometheus to ask")
    preview.add_argument("--out", metavar="DIR", default="preview", help="the folder to write to [default: preview]")
    preview.add_argument("--range", metavar="DURATION", default="1h", help="how far back [default: 1h]")
    preview.add_argument("--var", metavar="NAME=VALUE", action="append", default=[], help="choose a variable's value")


def _generate(parsed: argparse.Namespace) -> int:
    from spanwise.command import fail
    from spanwise.settings import from_flags, resolve
    from spanwise_dashboards.discovery import DiscoveryError, discover
    from spanwise_dashboards.openslo import OpenSloError
    from spanwise_dashboards.output import differences, write
    from spanwise_dashboards.prometheus import PrometheusError
    from spanwise_dashboards.settings import COLLECTOR_URL, OUT, PROMETHEUS_URL, SERVICES, SETTINGS
    from spanwise_dashboards.tree import generate

    settings = resolve(SETTINGS, from_flags(SETTINGS, _joined(parsed)))
    if not settings[OUT.variable]:
        fail(f"{OUT.flag} is missing: give the folder to write to, for example {OUT.flag} generated")
    root = Path(settings[OUT.variable])
    try:
        services = discover(
            settings[SERVICES.variable], settings[COLLECTOR_URL.variable], settings[PROMETHEUS_URL.variable]
        )
        tree = generate(settings, services)
    except (DiscoveryError, OpenSloError, OSError, PrometheusError) as error:
        fail(str(error))
    try:
        if parsed.check:
            return _report_drift(differences(tree, root), root)
        changed = write(tree, root)
    except OSError as error:
        fail(f"cannot use {error.filename or root}: {error.strerror}. Give another folder with {OUT.flag}.")
    print(f"{root}: {len(tree)} files, {len(changed)} of them written")
    return 0


def _report_drift(paths: list[str], root: Path) -> int:
    for path in paths:
        print(f"{root / path}: differs from what is generated", file=sys.stderr)
    if paths:
        print("Run the same command without --check to write them.", file=sys.stderr)
    return 1 if paths else 0


def _joined(parsed: argparse.Namespace) -> argparse.Namespace:
    """A flag given more than once as the comma-separated list that its setting reads."""
    joined: dict[str, Any] = {
        name: ",".join(value) if isinstance(value, list) else value for name, value in vars(parsed).items()
    }
    return argparse.Namespace(**joined)
