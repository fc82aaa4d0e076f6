"""Processor time of single threads, without opening files: reading a file gives up the interpreter lock, and beside
busy threads each such moment costs milliseconds to come back from."""

from __future__ import annotations

import sys
import time
from pathlib import Path

# linux/posix-timers.h: the clock of a thread is its complemented id, then "per thread" (4) and "scheduler's count" (2).
# Asking for a thread that has ended is an error and nothing worse, unlike pthread_getcpuclockid().
_THREAD_CLOCK = 6
_LINUX = sys.platform == "linux"


def cpu_ns(native_id: int | None) -> int | None:
    """What the thread has run so far, in nanoseconds; None where the system does not say or the thread has ended."""
    if not _LINUX or not native_id:
        return None
    try:
        return time.clock_gettime_ns((~native_id << 3) | _THREAD_CLOCK)
    except OSError:
        return _from_schedstat(native_id)


def _from_schedstat(native_id: int) -> int | None:
    """The same from the scheduler's statistics, for kernels that do not give out other threads' clocks."""
    try:
        return int(Path(f"/proc/self/task/{native_id}/schedstat").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
