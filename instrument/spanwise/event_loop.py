"""How late an event loop is, and who made it late.

A loop that serves an instrumented application gets a heartbeat ten times a second; its delay is the lag that every
request of the loop suffered too. Beside it a watchdog thread looks whether a beat is overdue: then the loop is blocked
right now, and the stack of its thread names the culprit. The latest of these are kept in a small ring.
"""

from __future__ import annotations

import threading
import time
import traceback
from asyncio import AbstractEventLoop
from collections import deque
from dataclasses import dataclass
from functools import cache
from weakref import WeakSet

from prometheus_client import Histogram

from spanwise import standard
from spanwise.metrics import from_standard
from spanwise.profiling.stacks import current_frames

BEAT_S = 0.1
# Shorter blocks are measured but not looked into: looking costs the loop's own thread nothing, but half a millisecond.
BLOCKED_AFTER_S = 0.1
MAX_BLOCKS = 20
_MAX_FRAMES = 60


@dataclass(slots=True)
class Block:
    """One time that a loop stood still. `stack` is outermost first, as in a traceback, taken while it was blocked;
    `seconds` grows until the loop goes on."""

    at_unix_s: float
    stack: tuple[str, ...]
    seconds: float
    over: bool = False


class LoopWatch:
    """The heartbeats of all loops of a process, and the one watchdog."""

    def __init__(self, lag: Histogram) -> None:
        self._lag = lag
        self._beats: dict[AbstractEventLoop, _Beat] = {}
        self._known: WeakSet[AbstractEventLoop] = WeakSet()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.blocks: deque[Block] = deque(maxlen=MAX_BLOCKS)

    def watch(self, loop: AbstractEventLoop) -> None:
        """From inside of the loop; for one that is watched already it does nothing."""
        with self._lock:
            if loop in self._known:
                return
            self._known.add(loop)
            beat = self._beats[loop] = _Beat(loop, self._lag)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="spanwise-loop-watchdog", daemon=True)
                self._thread.start()
        beat.start()

    def _run(self) -> None:
        while True:
            time.sleep(BEAT_S / 2)
            for loop, beat in tuple(self._beats.items()):
                if loop.is_closed():
                    del self._beats[loop]
                elif loop.is_running():
                    self._look(beat)
            with self._lock:
                if not self._beats:
                    self._thread = None
                    return

    def _look(self, beat: _Beat) -> None:
        late = time.monotonic() - beat.due
        if late < BLOCKED_AFTER_S:
            return
        block = beat.block
        if block is None:
            stack = _stack_of(beat.thread)
            if stack:
                block = beat.block = Block(time.time() - late, stack, late)
                self.blocks.append(block)
        if block is not None and not block.over:
            block.seconds = late


class _Beat:
    """One loop's heartbeat; everything but reading happens in the loop's own thread."""

    __slots__ = ("_lag", "_loop", "block", "due", "thread")

    def __init__(self, loop: AbstractEventLoop, lag: Histogram) -> None:
        self._loop = loop
        self._lag = lag
        self.thread = threading.get_ident()
        self.block: Block | None = None
        self.due = time.monotonic() + BEAT_S

    def start(self) -> None:
        self.due = time.monotonic() + BEAT_S
        self._loop.call_later(BEAT_S, self._beat)

    def _beat(self) -> None:
        lag = max(0.0, time.monotonic() - self.due)
        self._lag.observe(lag)
        block, self.block = self.block, None
        if block is not None:
            block.seconds, block.over = lag, True
        self.start()


def _stack_of(thread: int) -> tuple[str, ...]:
    """`("File ..., line 3, in f\\n    time.sleep(1)", ...)`, outermost first; empty when the thread is gone."""
    frame = current_frames().get(thread)
    if frame is None:
        return ()
    frames = traceback.extract_stack(frame)[-_MAX_FRAMES:]
    return tuple(f"File {entry.filename}, line {entry.lineno}, in {entry.name}\n    {entry.line}" for entry in frames)


@cache
def loop_watch() -> LoopWatch:
    """The one of this process."""
    return LoopWatch(from_standard(Histogram, standard.PYTHON_EVENT_LOOP_LAG))
