"""The same command once more, in place of this process: same process id, same streams, everything else new."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

_FIRST_FILE = 3  # after the standard streams
_LAST_FILE = 2**20


def replace_process(working_directory: Path, flags: Sequence[str]) -> NoReturn:
    """Runs the command line of this process again in `working_directory`, with `flags` at its end, which win.

    Everything that is open is closed, locks on files included, so that the new start may take them. Raises OSError.
    """
    os.chdir(working_directory)
    os.closerange(_FIRST_FILE, _LAST_FILE)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:], *flags])  # noqa: S606 - what the user has run
