"""Exceptions that left the service's code, grouped by class and line, with the last stacks of each. Under a megabyte.

Noted are those of requests and those that end a thread. Their messages may hold data of the service: they are redacted,
shown on the sensitive tier only, and cut.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from types import TracebackType

from spanwise.diagnosis.where import culprit
from spanwise.profiling.stacks import Frame, Stack
from spanwise.redaction import in_force

# 60 groups of 3 occurrences of 40 calls stay under 1 MB, names being shared.
_MAX_GROUPS = 60
_KEPT = 3
_MAX_CALLS = 40
_MAX_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Seen:
    """One occurrence; `at` in Unix seconds, `where` a request or a thread, `stack` leaf first."""

    at: float
    message: str
    where: str
    trace_id: str
    stack: Stack


@dataclass(slots=True)
class Group:
    kind: str
    place: Frame | None
    first_at: float
    count: int = 0
    last: deque[Seen] = field(default_factory=lambda: deque(maxlen=_KEPT))


class Exceptions:
    """The groups of a process; the one that has not occurred for longest goes when there are too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: OrderedDict[tuple[str, Frame | None], Group] = OrderedDict()
        self._last_noted: int = 0

    def note(self, error: BaseException, where: str, trace_id: str = "") -> None:
        """Called while or after the exception is handled. Never raises."""
        try:
            self._note(error, where, trace_id)
        except Exception:  # its own __str__ may fail
            return

    def _note(self, error: BaseException, where: str, trace_id: str) -> None:
        kind = type(error)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        stack = _stack(error.__traceback__)
        place = culprit(stack)
        seen = Seen(time.time(), in_force().text(str(error))[:_MAX_MESSAGE], where[:_MAX_MESSAGE], trace_id, stack)
        with self._lock:
            key = name, place
            group = self._groups.setdefault(key, Group(name, place, seen.at))
            group.count += 1
            group.last.append(seen)
            self._groups.move_to_end(key)
            while len(self._groups) > _MAX_GROUPS:
                self._groups.popitem(last=False)

    def groups(self) -> list[Group]:
        """The latest first; copies, which do not change any more."""
        with self._lock:
            found = [
                Group(each.kind, each.place, each.first_at, each.count, deque(each.last, _KEPT))
                for each in self._groups.values()
            ]
        return found[::-1]


EXCEPTIONS = Exceptions()


def watch_threads() -> None:
    """Notes also what ends a thread, and lets the hook that was there do what it does. Calling it again is safe."""
    before = threading.excepthook
    if getattr(before, "notes_exceptions", False):
        return

    def hook(given: threading.ExceptHookArgs, /) -> None:
        if given.exc_value is not None:
            EXCEPTIONS.note(given.exc_value, f"thread {given.thread.name if given.thread is not None else '?'}")
        before(given)

    hook.notes_exceptions = True  # type: ignore[attr-defined]
    threading.excepthook = hook


def _stack(trace: TracebackType | None) -> Stack:
    calls = [
        Frame(getattr(frame.f_code, "co_qualname", frame.f_code.co_name), frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(trace)
    ]
    return tuple(reversed(calls[-_MAX_CALLS:]))
