"""What the dead have counted: one file in the run folder, into which each dead member's last snapshot is folded once.

The order of steps makes a crash harmless: the sum that includes a snapshot, and names its member, replaces the old sum
before the snapshot is removed. Whoever finds a snapshot of a member that is named already only removes it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spanwise.workers.merging import Merge
from spanwise.workers.run_folder import Found, RunFolder, replace_file
from spanwise.workers.snapshot import Snapshot, SnapshotError, decode, encode

_log = logging.getLogger("spanwise")
_NONE = Snapshot("", 0.0, [])


@dataclass(slots=True)
class Dead:
    """The counters of a group's dead. All methods inside the folder's gate."""

    folder: RunFolder
    _known: tuple[int, int, int] = (0, 0, 0)
    _snapshot: Snapshot = field(default_factory=lambda: _NONE)

    @property
    def path(self) -> Path:
        return self.folder.path / "dead"

    def read(self) -> Snapshot:
        """The sum, decoded again only when somebody has changed it."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return _NONE
        # An inode is used again, and the clock of files ticks every few milliseconds: the three together hardly repeat.
        known = (found.st_ino, found.st_mtime_ns, found.st_size)
        if self._known != known:
            self._snapshot = read_snapshot(self.path) or _NONE
            self._known = known
        return self._snapshot

    def fold(self, members: Sequence[Found]) -> None:
        """Adds the last snapshots of the dead among `members` and clears their slots. Raises OSError."""
        gone = [member for member in members if not member.alive]
        if not gone:
            return
        self._known = (0, 0, 0)  # what is about to be written back is read anew
        total = self.read()
        left_behind = [
            found
            for member in gone
            if (found := read_snapshot(member.snapshot)) is not None and found.of == str(member.process)
        ]
        last = [snapshot for snapshot in left_behind if snapshot.of not in total.folded]
        if last:
            merge = Merge()
            for snapshot in (*last, total):
                merge.add_dead(snapshot)
            # Whoever was named before and has no snapshot any more needs no name: they do not pile up.
            folded = tuple(snapshot.of for snapshot in left_behind)
            replace_file(self.path, encode(merge.snapshot(time.time(), folded)))
        for member in gone:
            self.folder.clear_slot(member.number)

    def fold_one(self, snapshot: Snapshot) -> None:
        """Adds a member that never had a slot. Raises OSError."""
        merge = Merge()
        merge.add_dead(snapshot)
        merge.add_dead(self.read())
        replace_file(self.path, encode(merge.snapshot(time.time(), self.read().folded)))


def read_snapshot(path: Path) -> Snapshot | None:
    """None where there is none, or none that can be read."""
    try:
        return decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, SnapshotError) as error:
        _log.warning("workers: %s is left out of the metrics: %s", path, error)
        return None
