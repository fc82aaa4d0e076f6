"""Who waits when the processors are busy: acknowledging goes before storing, which can be late without harm."""

from __future__ import annotations

import os
import sys
import threading

# A thread beside one that gives way gets three times as much of a processor that both want (sched(7)).
_NICENESS = 5
_MOST = 19


def give_way() -> None:
    """The calling thread, and each that it starts from now on, lets others go first. There is no way back.

    Only on Linux: elsewhere niceness is not a thread's but the process's.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        niceness = os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS
        os.setpriority(os.PRIO_PROCESS, thread, min(niceness, _MOST))
