"""Loaded into a collector by PYTHONPATH: while the file of FULL_DISK_WHILE exists, its spool's disk is full.

For users who may not mount a small disk. What Python writes fails as the kernel would have it: with ENOSPC.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import Any

_marker = os.environ.get("FULL_DISK_WHILE", "")


def _unless_full(write: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
    def write_unless_full(descriptor: int, data: Any) -> int:
        if _marker and os.path.exists(_marker) and stat.S_ISREG(os.fstat(descriptor).st_mode):  # noqa: PTH110
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    return write_unless_full


os.write = _unless_full(os.write)
os.writev = _unless_full(os.writev)
