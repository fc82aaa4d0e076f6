"""The wall-clock and processor profile: all threads' stacks, some hundred times a second, for a while.

The sampler needs the interpreter lock like everybody else. It sees Python code at the points where a thread gives the
lock up, and it cannot see past a C call that keeps it: such a gap is counted as missed samples, and the time in it goes
to the stack found next. Two things keep that from hiding short bursts of work behind the waits between them: while a
profile is taken the interpreter switches threads more often, and what a thread has run is not booked on its waits.
"""

from __future__ import annotations

import linecache
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from types import FrameType

from spanwise.profiling.clocks import cpu_ns
from spanwise.profiling.profile import CPU, SAMPLES, WALL, Profile, added
from spanwise.profiling.stacks import Frame, RawStack, StackKey, current_frames, is_own, raw_stack, resolve, stack_key
from spanwise.profiling.switching import quick_switches

MAX_HZ = 250
MAX_SECONDS = 300.0
DEFAULT_HZ = 100
DEFAULT_SECONDS = 10.0
# How often a running profile looks whether somebody still waits for it.
_ASKS_EVERY_S = 0.2
# Where threads wait: modules of the standard library, and calls by the name in the line.
_WAITING_FILES = ("/socket.py", "/ssl.py", "/selectors.py", "/threading.py", "/queue.py", "/subprocess.py")
_WAITING_CALL = re.compile(r"\b(sleep|acquire|wait|recv|recv_into|recvfrom|accept|select|poll|execute)\(")

_one_at_a_time = threading.Lock()


class Busy(RuntimeError):
    """Another profile is being taken."""


class Cancelled(RuntimeError):
    """Nobody waits for the profile any more."""


def never() -> bool:
    return False


class Turn:
    """`with Turn():` the only profile of this process that is being taken. Raises Busy."""

    def __enter__(self) -> None:
        if not _one_at_a_time.acquire(blocking=False):
            raise Busy("another profile is being taken; ask again when it is done.")

    def __exit__(self, *_: object) -> None:
        _one_at_a_time.release()


def pause(seconds: float, cancelled: Callable[[], bool]) -> None:
    """Sleeps. Raises Cancelled as soon as nobody waits any more."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if cancelled():
            raise Cancelled
        time.sleep(min(left, _ASKS_EVERY_S))


def sample(seconds: float, hz: int, cancelled: Callable[[], bool] = never) -> Profile:
    """Samples all threads but the caller's and the library's own for `seconds`. Raises ValueError, Busy, Cancelled."""
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"seconds must be greater than 0 and at most {MAX_SECONDS:g}.")
    if not 1 <= hz <= MAX_HZ:
        raise ValueError(f"hz must be from 1 to {MAX_HZ}.")
    with Turn(), quick_switches():
        return _Sampling(hz).run(seconds, cancelled)


class _Thread:
    """What is known of one thread while it is sampled."""

    __slots__ = ("cpu_ns", "name", "native_id", "seen_ns", "values")

    def __init__(self, thread: threading.Thread, now_ns: int) -> None:
        self.name = thread.name
        self.native_id = thread.native_id
        self.cpu_ns = cpu_ns(thread.native_id)
        self.seen_ns = now_ns
        self.values: list[int] | None = None  # of the stack it was last seen in


class _Sampling:
    def __init__(self, hz: int) -> None:
        self._period_ns = 1_000_000_000 // hz
        self._threads: dict[int, _Thread | None] = {}
        self._found: dict[tuple[str, StackKey], list[int]] = {}
        self._stacks: dict[StackKey, RawStack] = {}  # which keeps the code objects that the keys speak of
        self._has_cpu = cpu_ns(threading.get_native_id()) is not None
        self._looks = 0
        self._missed = 0

    def run(self, seconds: float, cancelled: Callable[[], bool]) -> Profile:
        started_at_ns, begin_ns = time.time_ns(), time.monotonic_ns()
        end_ns = begin_ns + int(seconds * 1e9)
        asked_ns = begin_ns
        self._look(begin_ns)  # where each thread's clocks stand, and each thread
        for values in self._found.values():
            values[:] = [0, 0, 0]
        next_ns = begin_ns + self._period_ns
        while (now_ns := time.monotonic_ns()) < end_ns:
            if now_ns < next_ns:
                time.sleep((min(next_ns, end_ns) - now_ns) / 1e9)
                continue
            self._look(now_ns)
            self._looks += 1
            late = (now_ns - next_ns) // self._period_ns
            self._missed += late
            next_ns += (late + 1) * self._period_ns
            if now_ns - asked_ns > _ASKS_EVERY_S * 1e9:
                asked_ns = now_ns
                if cancelled():
                    raise Cancelled
        return self._profile(started_at_ns, time.monotonic_ns() - begin_ns)

    def _look(self, now_ns: int) -> None:
        """Adds what passed since the last look to the stacks of now."""
        me = threading.get_ident()
        for ident, frame in current_frames().items():
            thread = self._thread(ident, now_ns)
            if thread is None or ident == me:
                continue
            wall_ns, thread.seen_ns = now_ns - thread.seen_ns, now_ns
            ran_ns = 0
            if self._has_cpu:
                total_ns = cpu_ns(thread.native_id)
                if total_ns is not None:
                    ran_ns = total_ns - (thread.cpu_ns or 0)
                    thread.cpu_ns = total_ns
            # A thread that has not run since the last look stands where it stood: its stack need not be walked.
            values = thread.values if self._has_cpu and ran_ns == 0 else None
            if values is None:
                values = thread.values = self._values(thread.name, frame)
            values[0] += 1
            values[1] += wall_ns
            values[2] += ran_ns

    def _values(self, name: str, frame: FrameType) -> list[int]:
        key = stack_key(frame)
        values = self._found.get((name, key))
        if values is None:
            if key not in self._stacks:
                self._stacks[key] = raw_stack(frame)
            values = self._found[name, key] = [0, 0, 0]
        return values

    def _thread(self, ident: int, now_ns: int) -> _Thread | None:
        """None for threads of ours, and for those that Python does not know."""
        if ident not in self._threads:
            thread = threading._active.get(ident)  # type: ignore[attr-defined]
            self._threads[ident] = None if thread is None or is_own(thread) else _Thread(thread, now_ns)
        return self._threads[ident]

    def _profile(self, started_at_ns: int, duration_ns: int) -> Profile:
        width = 3 if self._has_cpu else 2
        if self._has_cpu:
            self._book_work_on_work()
        samples = added(
            ((resolve(self._stacks[key]), (("thread", name),)), tuple(values[:width]))
            for (name, key), values in self._found.items()
            if values[0]
        )
        return Profile(
            kind="profile",
            value_types=(SAMPLES, WALL, CPU)[:width],
            default=CPU.type if self._has_cpu else WALL.type,
            samples=samples,
            started_at_ns=started_at_ns,
            duration_ns=duration_ns,
            period_ns=self._period_ns,
            comments=(f"{self._looks} samples, {self._missed} missed",),
        )

    def _book_work_on_work(self) -> None:
        """What a thread ran is exact in total; between two looks it may have worked and gone back to its wait. So what
        stands on waits goes to the stacks in which the thread was found at work, if there are any."""
        by_thread: dict[str, list[tuple[list[int], bool]]] = defaultdict(list)
        for (name, key), values in self._found.items():
            by_thread[name].append((values, bool(key) and _waits(resolve(self._stacks[key][:1])[0])))
        for entries in by_thread.values():
            at_work = sum(values[0] for values, waits in entries if not waits)
            misplaced_ns = sum(values[2] for values, waits in entries if waits)
            if not at_work or not misplaced_ns:
                continue
            for values, waits in entries:
                values[2] = 0 if waits else values[2] + misplaced_ns * values[0] // at_work


def _waits(leaf: Frame) -> bool:
    """Whether a thread that is found here is usually waiting for something else than the interpreter."""
    if leaf.file.endswith(_WAITING_FILES):
        return True
    return _WAITING_CALL.search(linecache.getline(leaf.file, leaf.line)) is not None
