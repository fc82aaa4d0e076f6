"""Writing a tree of generated files, and telling how far a folder is from it.

A file is replaced whole (written beside itself, then renamed), so that Grafana and Prometheus, which watch the folder,
never read half of one; a file that is right already is left untouched, and keeps its time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from spanwise_dashboards.progress import Progress


def differences(tree: Mapping[str, str], root: Path) -> list[str]:
    """The paths whose file is missing below `root` or has other bytes, sorted."""
    return sorted(path for path, text in tree.items() if _read(root / path) != text.encode())


def write(tree: Mapping[str, str], root: Path) -> list[str]:
    """Makes the files below `root` equal to `tree`; returns the paths that were not. Raises OSError."""
    changed = differences(tree, root)
    with Progress("writing", len(changed)) as progress:
        for path in changed:
            _replace(root / path, tree[path].encode())
            progress.step()
    return changed


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)  # mkstemp's 0600 would keep Grafana's own user out
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
