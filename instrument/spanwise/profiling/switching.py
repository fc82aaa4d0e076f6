"""Shorter turns at the interpreter for a while.

A thread that wants the interpreter asks for it after the switch interval, and then competes with all others that wait:
beside four busy threads and at Python's own 5 ms it gets a turn after some 20 ms. Who looks at a busy process needs
several turns, and who samples it would not see work that is shorter than a turn.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SWITCH_S = 0.0005
_lock = threading.Lock()
_holders = 0
_before_s = 0.0


@contextmanager
def quick_switches() -> Iterator[None]:
    """Threads switch after half a millisecond, until the last one that wants this has left."""
    global _holders, _before_s
    with _lock:
        _holders += 1
        if _holders == 1:
            _before_s = sys.getswitchinterval()
            sys.setswitchinterval(min(_before_s, _SWITCH_S))
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if _holders == 0:
                sys.setswitchinterval(_before_s)
