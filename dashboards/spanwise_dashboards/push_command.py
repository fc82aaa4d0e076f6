"""`spanwise dashboards push`: boards into a running Grafana."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from spanwise.command import fail
from spanwise.settings import Settings
from spanwise_dashboards.grafana import Grafana, GrafanaError
from spanwise_dashboards.progress import Progress
from spanwise_dashboards.provisioning import FOLDER_TITLE, FOLDER_UID
from spanwise_dashboards.push import Action, Step, make_folder, plan, save
from spanwise_dashboards.settings import GRAFANA_FOLDER, GRAFANA_TOKEN, GRAFANA_URL
from spanwise_dashboards.sources import load, our_boards, services_of, settings_of

Json = dict[str, Any]
_MOST_DIFF_LINES = 40
_DONE = {Action.CREATE: "created", Action.UPDATE: "updated"}


def push(parsed: argparse.Namespace) -> int:
    """Saves what differs and says so; exit code 1, and nothing saved, where somebody else changed a board."""
    settings = settings_of(parsed)
    documents = load(parsed.files) if parsed.files else _ours(settings)
    uids = _uids(documents)
    for flag, named in (("--overwrite", parsed.overwrite), ("--keep", parsed.keep)):
        for uid in sorted(set(named) - set(uids)):
            fail(f"{flag} {uid}: there is no such board to push; there are {', '.join(sorted(uids)[:20])}")
    grafana = grafana_of(settings)
    try:
        with Progress("comparing", len(documents)) as progress:
            steps = plan(grafana, documents, parsed.overwrite, parsed.keep, progress.step)
    except GrafanaError as error:
        fail(f"{error} Nothing was saved.")
    conflicts = [step for step in steps if step.action is Action.CONFLICT]
    if conflicts:
        return _report(conflicts, "Nothing was saved.")
    if parsed.dry_run:
        return _tell(steps, "would be ")
    return _save(grafana, steps, settings[GRAFANA_FOLDER.variable])


def grafana_of(settings: Settings) -> Grafana:
    """The Grafana that the settings name."""
    return Grafana(settings[GRAFANA_URL.variable], settings[GRAFANA_TOKEN.variable])


def _ours(settings: Settings) -> list[Json]:
    return [board.to_json() for board in our_boards(settings, services_of(settings))]


def _uids(documents: Sequence[Json]) -> list[str]:
    uids: list[str] = []
    for document in documents:
        uid = str(document.get("uid") or "")
        if not uid:
            fail(f"the board {document.get('title')!r} has no uid: without one it would be added each time")
        if uid in uids:
            fail(f"two boards have the uid {uid}: Grafana would keep the second one only")
        uids.append(uid)
    return uids


def _save(grafana: Grafana, steps: Sequence[Step], folder_uid: str) -> int:
    todo = [step for step in steps if step.writes]
    done: list[Step] = []
    try:
        if any(step.action is Action.CREATE for step in todo):
            make_folder(grafana, folder_uid, FOLDER_TITLE if folder_uid == FOLDER_UID else None)
        with Progress("saving", len(todo)) as progress:
            for step in todo:
                done.append(save(grafana, step, folder_uid))
                progress.step()
    except GrafanaError as error:
        saved = [step.uid for step in done if step.writes]
        left = [step.uid for step in todo[len(done) :]]
        fail(f"{error} Saved: {', '.join(saved) or 'none'}. Not saved: {', '.join(left)}. Run it again to go on.")
    conflicts = [step for step in done if step.action is Action.CONFLICT]
    _tell([*done, *(step for step in steps if not step.writes)])
    return _report(conflicts, "The others were saved.") if conflicts else 0


def _tell(steps: Sequence[Step], mood: str = "") -> int:
    """A line for each board that was written, or would be, and a line that counts them all."""
    for step in steps:
        if step.writes:
            sys.stdout.write(f"{mood}{_DONE[step.action]}: {step.uid} ({step.document.get('title')})\n")
    counted = Counter(f"{mood}{_DONE[step.action]}" if step.writes else step.action.value for step in steps)
    sys.stdout.write(f"{len(steps)} boards: {', '.join(f'{n} {what}' for what, n in sorted(counted.items()))}\n")
    return 0


def _report(conflicts: Sequence[Step], ending: str) -> int:
    for step in conflicts:
        sys.stderr.write(f"{step.uid} differs from what is to be pushed: {step.why}.\n")
        lines = step.diff()
        sys.stderr.write("\n".join(lines[:_MOST_DIFF_LINES]) + "\n")
        if len(lines) > _MOST_DIFF_LINES:
            sys.stderr.write(f"... {len(lines) - _MOST_DIFF_LINES} lines more: `spanwise dashboards diff`\n")
    sys.stderr.write(
        f"{ending} Take the edits over, or give --overwrite UID to lose them or --keep UID to leave them.\n"
    )
    return 1
