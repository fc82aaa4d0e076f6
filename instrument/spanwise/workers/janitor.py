"""Run as a program when the last worker has left and its master still lives: removes the run folder with the master.

Nobody else can: the worker must not wait, because its master waits for it, and the master (of gunicorn without preload,
of `uvicorn --workers`) knows nothing of the folder. It must not go earlier either: a master whose only worker is being
recycled starts a new one in a moment, and what the old one counted must be there.

    python janitor.py FOLDER ROOT_PID ROOT_STARTED

Ends as soon as the master is gone or a worker has come, and gives up after two minutes; the folder is then removed by
whoever starts the next group. Uses the standard library alone and no other module of ours: it starts in 20 ms.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

_POLL_S = 0.05
_PATIENCE_S = 120.0


def main(folder: Path, pid: int, started: str) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and folder.is_dir():
        if any(folder.glob("*.member")):
            return
        if not _lives(pid, started):
            _remove(folder)
            return
        time.sleep(_POLL_S)


def _lives(pid: int, started: str) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        if started != "0":
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            return True
        return False
    return fields[19] == started and fields[0] not in "ZX"


def _remove(folder: Path) -> None:
    with suppress(OSError):
        gate = os.open(folder / "gate", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        fcntl.flock(gate, fcntl.LOCK_EX)
        if not any(folder.glob("*.member")):
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                folder.parent.rmdir()
        os.close(gate)


if __name__ == "__main__":
    os.chdir("/")  # so that it holds up nobody who wants to unmount the service's
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
