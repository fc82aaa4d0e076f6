"""`spanwise dashboards generate`: the whole tree of files, written or compared."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from spanwise.command import fail
from spanwise_dashboards.kubernetes import TooLarge
from spanwise_dashboards.openslo import OpenSloError
from spanwise_dashboards.output import differences, write
from spanwise_dashboards.settings import OUT
from spanwise_dashboards.sources import services_of, settings_of
from spanwise_dashboards.tree import generate as generate_tree


def generate(parsed: argparse.Namespace) -> int:
    """Writes what differs; with `--check` names it and writes nothing, exit code 1."""
    settings = settings_of(parsed)
    if not settings[OUT.variable]:
        fail(f"{OUT.flag} is missing: give the folder to write to, for example {OUT.flag} generated")
    root = Path(settings[OUT.variable])
    services = services_of(settings)
    try:
        tree = generate_tree(settings, services)
    except (OpenSloError, TooLarge, OSError) as error:
        fail(str(error))
    try:
        if parsed.check:
            return _report_drift(differences(tree, root), root)
        changed = write(tree, root)
    except OSError as error:
        fail(f"cannot use {error.filename or root}: {error.strerror}. Give another folder with {OUT.flag}.")
    sys.stdout.write(f"{root}: {len(tree)} files, {len(changed)} of them written\n")
    return 0


def _report_drift(paths: list[str], root: Path) -> int:
    for path in paths:
        sys.stderr.write(f"{root / path}: differs from what is generated\n")
    if paths:
        sys.stderr.write("Run the same command without --check to write them.\n")
    return 1 if paths else 0
