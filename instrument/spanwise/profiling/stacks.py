"""What every thread of the process is doing right now, read without stopping it.

Only code objects and positions are kept, never frames or locals: a kept frame keeps a whole call tree alive.
"""

from __future__ import annotations

import gc
import sys
import threading
from functools import lru_cache
from types import CodeType, FrameType
from typing import NamedTuple

# Threads of the library itself: they would only show the observer.
OWN_PREFIX = "spanwise-"
_MAX_DEPTH = 200
# The collector may run inside sys._current_frames() and wait for the lock that it holds: CPython gh-106883, mended
# in 3.12 by keeping the collector out of it.
_COLLECTOR_DEADLOCKS = sys.version_info < (3, 12)
_collector_lock = threading.Lock()

# Leaf first; a position is an instruction offset, from which `resolve` makes a line.
RawStack = tuple[tuple[CodeType, int], ...]
StackKey = tuple[int, ...]


class Frame(NamedTuple):
    """One call. `function` is qualified where Python knows it (3.11 on)."""

    function: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})"


Stack = tuple[Frame, ...]  # leaf first


def current_frames() -> dict[int, FrameType]:
    """Thread identifier -> innermost frame, of all threads. Drop the frames soon."""
    if not _COLLECTOR_DEADLOCKS:
        return sys._current_frames()
    with _collector_lock:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return sys._current_frames()
        finally:
            if was_enabled:
                gc.enable()


def raw_stack(frame: FrameType | None) -> RawStack:
    """The calls from `frame` outwards, at most 200."""
    calls: list[tuple[CodeType, int]] = []
    while frame is not None and len(calls) < _MAX_DEPTH:
        calls.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(calls)


def stack_key(frame: FrameType | None) -> StackKey:
    """What tells stacks apart at a fifth of the price: hashing a code object hashes all that is in it.

    It means something only as long as somebody keeps the code objects, as `raw_stack` does.
    """
    key: list[int] = []
    add = key.append
    while frame is not None and len(key) < 2 * _MAX_DEPTH:
        add(id(frame.f_code))
        add(frame.f_lasti)
        frame = frame.f_back
    return tuple(key)


def resolve(raw: RawStack) -> Stack:
    """Names and lines for a raw stack."""
    return tuple(_frame(code, position) for code, position in raw)


def stack_of(frame: FrameType | None) -> Stack:
    return resolve(raw_stack(frame))


@lru_cache(maxsize=16384)
def _frame(code: CodeType, position: int) -> Frame:
    name = getattr(code, "co_qualname", code.co_name)
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= position < end:
            line = number or line
            break
    return Frame(name, code.co_filename, line)


def is_own(thread: threading.Thread | None) -> bool:
    """Whether the library started the thread."""
    return thread is not None and thread.name.startswith(OWN_PREFIX)
