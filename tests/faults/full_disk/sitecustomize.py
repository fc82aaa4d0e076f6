"""Loaded into a collector by PYTHONPATH: while the file of FULL_DISK_WHILE exists, its spool's disk is full.

For users who may not mount a small disk. What Python writes fails as the kernel would have it: with ENOSPC.
"""

from __future__ import annotations

import errno
import os
import stat

_write = os.write
_marker = os.environ.get("FULL_DISK_WHILE", "")


def _write_unless_full(descriptor: int, data: bytes) -> int:
    if _marker and os.path.exists(_marker) and stat.S_ISREG(os.fstat(descriptor).st_mode):  # noqa: PTH110
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return _write(descriptor, data)


os.write = _write_unless_full
