"""Bringing boards into a Grafana without losing what somebody changed there.

First everything is read and compared, then, if nothing stands in the way, each board is saved by one request that names
the version it replaces. So a fault before the first save leaves Grafana as it was, and one in between leaves every
board whole, old or new; the next run goes on from there.

Whether the newest version of a board is ours is told by the message it was saved with: it holds a checksum of the
document, because Grafana may store it with defaults added.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from enum import Enum
from typing import Any

from spanwise_dashboards.grafana import Grafana, GrafanaError, Stored, VersionConflict

Json = dict[str, Any]
_MESSAGE = "spanwise dashboards push "
_GRAFANAS_OWN = ("id", "version", "iteration")  # what Grafana writes into a document by itself


class Action(Enum):
    """What is to be done about one board."""

    CREATE = "create"
    UPDATE = "update"
    NOTHING = "unchanged"
    KEEP = "kept"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Step:
    """One board: ours, Grafana's (None where it has none), and what is to be done. `why` explains a conflict."""

    document: Json
    stored: Stored | None
    action: Action
    why: str = ""

    @property
    def uid(self) -> str:
        return str(self.document["uid"])

    @property
    def writes(self) -> bool:
        return self.action in (Action.CREATE, Action.UPDATE)

    def diff(self) -> list[str]:
        """From what Grafana has to what is generated, as a unified diff."""
        return difference(self.stored.document if self.stored else {}, self.document, self.uid)


def plan(
    grafana: Grafana,
    documents: Sequence[Json],
    overwrite: Collection[str] = (),
    keep: Collection[str] = (),
    progress: Callable[[], None] = lambda: None,
) -> list[Step]:
    """What has to be done for each document; reads only. `overwrite` and `keep` are uids whose edits in Grafana are
    to be lost, or left alone. Raises GrafanaError."""
    steps = []
    for document in documents:
        steps.append(_step(document, grafana.dashboard(str(document["uid"])), overwrite, keep))
        progress()
    return steps


def _step(document: Json, stored: Stored | None, overwrite: Collection[str], keep: Collection[str]) -> Step:
    uid = str(document["uid"])
    if stored is None:
        return Step(document, None, Action.CREATE)
    if stored.message == _message(document) or _body(stored.document) == _body(document):
        return Step(document, stored, Action.NOTHING)
    if uid in keep:
        return Step(document, stored, Action.KEEP)
    if stored.provisioned:
        why = "Grafana loads it from files; change those, or --keep it"
        return Step(document, stored, Action.CONFLICT, why)
    if stored.message.startswith(_MESSAGE) or uid in overwrite:
        return Step(document, stored, Action.UPDATE)
    why = f"{stored.author} saved version {stored.version} in Grafana"
    return Step(document, stored, Action.CONFLICT, why)


def save(grafana: Grafana, step: Step, folder_uid: str) -> Step:
    """Does what the step says, and returns it; a conflict, with what Grafana has now, where somebody was quicker.

    A board stays in the folder that it is in; a new one goes to `folder_uid`. Raises GrafanaError.
    """
    folder = step.stored.folder_uid if step.stored else folder_uid
    version = step.stored.version if step.stored else 0
    try:
        grafana.save(step.document, version, folder, _message(step.document))
    except VersionConflict as conflict:
        return Step(step.document, grafana.dashboard(step.uid), Action.CONFLICT, str(conflict))
    return step


def make_folder(grafana: Grafana, uid: str, title: str | None) -> None:
    """Makes sure that the folder is there; without a title it must be. Raises GrafanaError."""
    if grafana.has_folder(uid):
        return
    if title is None:
        raise GrafanaError(f"Grafana has no folder with the uid {uid!r}: make it there, or leave --folder away")
    grafana.make_folder(uid, title)


def difference(before: Json, after: Json, name: str) -> list[str]:
    """A unified diff of two documents, without what Grafana writes into them by itself."""
    old, new = (_body(document).splitlines() if document else [] for document in (before, after))
    return list(unified_diff(old, new, f"{name} (Grafana)", f"{name} (generated)", lineterm=""))


def _body(document: Json) -> str:
    kept = {key: value for key, value in document.items() if key not in _GRAFANAS_OWN}
    return json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False)


def _message(document: Json) -> str:
    return _MESSAGE + hashlib.sha256(_body(document).encode()).hexdigest()[:16]
