"""Locks that know who holds them and who waits: for lock waits with their stacks, and for finding deadlocks.

`track_locks()` replaces `threading.Lock` and `threading.RLock` for what is made from then on (conditions, queues,
semaphores and events among it). A plain lock of Python's knows no owner, so without this only RLocks name theirs.
An acquisition that need not wait costs under a microsecond more.
"""

from __future__ import annotations

import _thread
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar

from spanwise.profiling.profile import Labels, Profile, Values, ValueType
from spanwise.profiling.sampler import MAX_SECONDS, Turn, never, pause
from spanwise.profiling.stacks import Frame, RawStack, Stack, raw_stack, resolve

CONTENTIONS = ValueType("contentions", "count")
DELAY = ValueType("delay", "nanoseconds")
# Different stacks that are counted; further ones are counted together.
_MAX_STACKS = 2000
_OTHER: RawStack = ()

_plain_lock = _thread.allocate_lock
_plain_rlock: type[Any] = _thread.RLock
_RLOCK_OWNER = re.compile(r"owner=(\d+) count=(\d+)")


@dataclass(frozen=True, slots=True, eq=False)
class Wait:
    """A thread that stands before a lock since `since_ns` (monotonic)."""

    lock: TrackedLock
    stack: RawStack
    since_ns: int
    timed: bool


class _Waits:
    """Who waits now, and how long which stacks have waited so far."""

    def __init__(self) -> None:
        self._lock = _plain_lock()
        self._now: dict[int, Wait] = {}
        self._past: dict[RawStack, tuple[int, int]] = {}

    def now(self) -> dict[int, Wait]:
        return self._now.copy()

    def begin(self, ident: int, wait: Wait) -> None:
        self._now[ident] = wait

    def end(self, ident: int, wait: Wait) -> None:
        del self._now[ident]
        waited_ns = time.monotonic_ns() - wait.since_ns
        with self._lock:
            stack = wait.stack if wait.stack in self._past or len(self._past) < _MAX_STACKS else _OTHER
            times, total_ns = self._past.get(stack, (0, 0))
            self._past[stack] = times + 1, total_ns + waited_ns

    def totals(self) -> dict[RawStack, tuple[int, int]]:
        """Times and nanoseconds by stack, waits that go on included."""
        with self._lock:
            sums = dict(self._past)
        now_ns = time.monotonic_ns()
        for wait in self.now().values():
            times, total_ns = sums.get(wait.stack, (0, 0))
            sums[wait.stack] = times + 1, total_ns + now_ns - wait.since_ns
        return sums


WAITS = _Waits()


class TrackedLock:
    """`threading.Lock` that knows its owner. `owner` is a thread identifier, 0 for none; `taken_at` is where."""

    __slots__ = ("__weakref__", "_inner", "made_at", "owner", "taken_at")

    _make: ClassVar[Callable[[], Any]] = _plain_lock

    def __init__(self) -> None:
        self._inner: Any = type(self)._make()
        self.owner = 0
        self.made_at = raw_stack(_caller())[:1]
        self.taken_at: RawStack = ()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if not self._inner.acquire(False):
            if not blocking:
                return bool(self._inner.acquire(False, timeout))  # a time-out beside it is an error, as ever
            if not self._wait(lambda: self._inner.acquire(True, timeout), timed=timeout >= 0):
                return False
        self._taken()
        return True

    def release(self) -> None:
        owner, self.owner = self.owner, 0
        try:
            self._inner.release()
        except RuntimeError:
            self.owner = owner
            raise

    def locked(self) -> bool:
        return bool(self._inner.locked())

    def _taken(self) -> None:
        self.owner = _thread.get_ident()
        self.taken_at = raw_stack_top()

    def _wait(self, acquire: Callable[[], Any], *, timed: bool) -> bool:
        ident = _thread.get_ident()
        wait = Wait(self, raw_stack(_caller()), time.monotonic_ns(), timed)
        WAITS.begin(ident, wait)
        try:
            return acquire() is not False
        finally:
            WAITS.end(ident, wait)

    def _at_fork_reinit(self) -> None:
        self._inner._at_fork_reinit()
        self.owner = 0

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        made = str(resolve(self.made_at)[0]) if self.made_at else "?"
        return f"<{type(self).__name__} made at {made}, {f'held by {_name(self.owner)}' if self.owner else 'free'}>"


class TrackedRLock(TrackedLock):
    """`threading.RLock` that knows its owner; with what `threading.Condition` asks of one."""

    __slots__ = ("_depth",)

    _make: ClassVar[Callable[[], Any]] = _plain_rlock

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def _taken(self) -> None:
        self._depth += 1
        if self._depth == 1:
            super()._taken()

    def release(self) -> None:
        if not self._inner._is_owned():
            self._inner.release()  # raises
        self._depth -= 1
        if self._depth == 0:
            self.owner = 0
        self._inner.release()

    def locked(self) -> bool:
        return self.owner != 0

    def _is_owned(self) -> bool:
        return bool(self._inner._is_owned())

    def _release_save(self) -> tuple[Any, int]:
        depth, self._depth, self.owner = self._depth, 0, 0
        return self._inner._release_save(), depth

    def _acquire_restore(self, state: tuple[Any, int]) -> None:
        inner_state, depth = state
        self._wait(lambda: self._inner._acquire_restore(inner_state), timed=False)
        super()._taken()
        self._depth = depth

    def _at_fork_reinit(self) -> None:
        super()._at_fork_reinit()
        self._depth = 0


_plain_names = threading.Lock, threading.RLock


def track_locks() -> None:
    """From now on, locks know who holds them: `/admin/contention` and `/admin/why` can name deadlocks.

    Call it as early as possible, before the modules whose locks you care about are imported. Calling it again is safe.
    """
    threading.Lock = TrackedLock  # type: ignore[assignment]
    threading.RLock = TrackedRLock  # type: ignore[assignment]


def untrack_locks() -> None:
    """New locks are plain ones again; those that were made keep knowing their owners."""
    threading.Lock, threading.RLock = _plain_names


def tracking() -> bool:
    in_use: Any = threading.Lock
    return in_use is TrackedLock


def deadlocks() -> list[list[int]]:
    """Circles of threads, each of which waits for a tracked lock that the next one holds; thread identifiers."""
    waits = {ident: wait for ident, wait in WAITS.now().items() if not wait.timed}
    found: dict[frozenset[int], list[int]] = {}
    for start in waits:
        path = [start]
        while (wait := waits.get(path[-1])) is not None and (owner := wait.lock.owner) and owner not in path:
            path.append(owner)
        if wait is not None and wait.lock.owner in path:
            circle = path[path.index(wait.lock.owner) :]
            found.setdefault(frozenset(circle), circle)
    # A circle is real when nobody in it has moved since: what was read was read one after the other.
    now = WAITS.now()
    return [circle for circle in found.values() if all(now.get(ident) is waits.get(ident) for ident in circle)]


def contention(seconds: float | None, cancelled: Callable[[], bool] = never) -> Profile:
    """Waits for tracked locks by stack: during the next `seconds`, or since tracking began for None.

    Raises ValueError, Busy and Cancelled.
    """
    if seconds is None:
        return _contention_profile(WAITS.totals(), {}, time.time_ns(), 0)
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"seconds must be greater than 0 and at most {MAX_SECONDS:g}.")
    with Turn():
        before, started_at_ns = WAITS.totals(), time.time_ns()
        pause(seconds, cancelled)
        return _contention_profile(WAITS.totals(), before, started_at_ns, int(seconds * 1e9))


def _contention_profile(
    totals: dict[RawStack, tuple[int, int]],
    before: dict[RawStack, tuple[int, int]],
    started_at_ns: int,
    duration_ns: int,
) -> Profile:
    samples: dict[tuple[Stack, Labels], Values] = {}
    for raw, (times, total_ns) in totals.items():
        times_before, total_before = before.get(raw, (0, 0))
        if total_ns > total_before:
            stack = resolve(raw) or (Frame("(other stacks)", "", 0),)
            samples[stack, ()] = max(1, times - times_before), total_ns - total_before
    comment = "waits for tracked locks" if tracking() else "locks are not tracked: call spanwise.track_locks() at start"
    return Profile("contention", (CONTENTIONS, DELAY), DELAY.type, samples, started_at_ns, duration_ns, 0, (comment,))


@dataclass(frozen=True, slots=True)
class HeldRLock:
    owner: int
    depth: int


def held_rlocks() -> list[HeldRLock]:
    """Who holds Python's own RLocks, which say so in their repr; tracked or not."""
    import gc

    found = []
    for each in gc.get_objects():
        if type(each) is _plain_rlock and (match := _RLOCK_OWNER.search(repr(each))) and match[1] != "0":
            found.append(HeldRLock(int(match[1]), int(match[2])))
    return found


def _name(ident: int) -> str:
    thread = threading._active.get(ident)  # type: ignore[attr-defined]
    return thread.name if thread is not None else f"thread {ident}"


def raw_stack_top() -> RawStack:
    """Where the lock is taken: the innermost call that is not of this module."""
    frame = _caller()
    return ((frame.f_code, frame.f_lasti),) if frame is not None else ()


def _caller() -> Any:
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame
