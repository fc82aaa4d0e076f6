"""What takes memory: allocations of a window by stack (tracemalloc), and a census of objects by type.

tracemalloc sees what is allocated after it was started, and little of what C libraries take. While it runs, memory may
double and allocations take several times as long: it is refused where there is no room, and always stopped again.
"""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from spanwise import cgroup
from spanwise.profiling.profile import Labels, Profile, Values, ValueType
from spanwise.profiling.sampler import Turn, never, pause
from spanwise.profiling.stacks import Frame, Stack

MAX_WINDOW_S = 60.0
DEFAULT_WINDOW_S = 10.0
_DEPTH = 10  # frames that are kept of each allocation; each costs memory for every living object
# Room for the process to grow to three times its size: what tracemalloc itself and the snapshot may take.
_HEADROOM_FACTOR = 2
# Objects looked at in a census; of more, every n-th stands for n. 200,000 take about 0.1 s.
_CENSUS_OBJECTS = 200_000
_CENSUS_S = 1.0
_CENSUS_SLICE = 10_000

INUSE_OBJECTS = ValueType("inuse_objects", "count")
INUSE_SPACE = ValueType("inuse_space", "bytes")


class NoRoom(RuntimeError):
    """There is not enough memory left to trace allocations safely."""


def check_room(root: Path = cgroup.ROOT) -> None:
    """Raises NoRoom when the headroom is under twice the resident memory."""
    headroom, resident = cgroup.memory_headroom(root), cgroup.resident_bytes()
    if headroom is not None and resident is not None and headroom < _HEADROOM_FACTOR * resident:
        raise NoRoom(
            f"{headroom // 1_000_000} MB are left and the process has {resident // 1_000_000} MB: tracing allocations"
            " may need twice that. /admin/pprof/heap?census=1 counts objects without it."
        )


def window(seconds: float, cancelled: Callable[[], bool] = never, root: Path = cgroup.ROOT) -> Profile:
    """What is allocated in the next `seconds` and still alive at their end. Raises ValueError, NoRoom, Busy, Cancelled.

    A service that traces allocations itself keeps doing so, and then everything since its start is shown.
    """
    if not 0 < seconds <= MAX_WINDOW_S:
        raise ValueError(f"seconds must be greater than 0 and at most {MAX_WINDOW_S:g}.")
    with Turn():
        check_room(root)
        begin_ns = time.time_ns()
        ours = not tracemalloc.is_tracing()
        if ours:
            tracemalloc.start(_DEPTH)
        try:
            pause(seconds, cancelled)
            snapshot = tracemalloc.take_snapshot()
        finally:
            if ours:
                tracemalloc.stop()
    samples: dict[tuple[Stack, Labels], Values] = {}
    names = _Names()
    own = str(Path(__file__).parent.parent)
    for found in snapshot.statistics("traceback"):
        # Oldest call first.
        stack = tuple(names.frame(at.filename, at.lineno) for at in reversed(found.traceback))
        if stack and not stack[-1].file.startswith(own):
            count, size = samples.get((stack, ()), (0, 0))
            samples[stack, ()] = count + found.count, size + found.size
    return _profile("heap", samples, begin_ns, f"allocated within {seconds:g} s and still in use")


def census() -> Profile:
    """How many objects of each type there are, of those that the collector knows: no strings and numbers."""
    begin_ns = time.time_ns()
    objects = gc.get_objects()
    total = len(objects)
    stride = -(-total // _CENSUS_OBJECTS)
    counts: dict[type[Any], list[int]] = {}
    seen = 0
    until = time.monotonic() + _CENSUS_S
    for begin in range(0, total, _CENSUS_SLICE * stride):
        for each in objects[begin : begin + _CENSUS_SLICE * stride : stride]:
            kind = type(each)
            entry = counts.setdefault(kind, [0, 0])
            entry[0] += 1
            entry[1] += _size(each, kind)
            seen += 1
        if time.monotonic() > until:
            break
        time.sleep(0)  # the service's turn
    del objects
    scale = total / seen if seen else 1.0
    samples = {}
    for kind, (number, size) in counts.items():
        frame = Frame(f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."), str(kind.__module__), 0)
        samples[(frame,), ()] = round(number * scale), round(size * scale)
    how = "" if seen == total else f", estimated from {seen:,}"
    return _profile("census", samples, begin_ns, f"{total:,} objects that the collector knows{how}")


def _size(each: object, kind: type[Any]) -> int:
    """Without what it refers to; a `__sizeof__` written in Python is not called."""
    if isinstance(getattr(kind, "__sizeof__", None), FunctionType):
        return 0
    try:
        return sys.getsizeof(each, 0)
    except Exception:
        return 0


def _profile(kind: str, samples: Any, begin_ns: int, comment: str) -> Profile:
    return Profile(
        kind,
        (INUSE_OBJECTS, INUSE_SPACE),
        INUSE_SPACE.type,
        samples,
        begin_ns,
        time.time_ns() - begin_ns,
        0,
        (comment,),
    )


class _Names:
    """Function names for file and line, which is all that tracemalloc keeps, from the code of loaded modules."""

    def __init__(self) -> None:
        self._modules = {
            str(file): module for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))
        }
        self._functions: dict[str, list[tuple[int, str]]] = {}
        self._frames: dict[tuple[str, int], Frame] = {}

    def frame(self, file: str, line: int) -> Frame:
        found = self._frames.get((file, line))
        if found is None:
            found = self._frames[file, line] = Frame(self._function(file, line), file, line)
        return found

    def _function(self, file: str, line: int) -> str:
        """The function that begins last before the line: right but for code after a nested function."""
        functions = self._functions.get(file)
        if functions is None:
            functions = self._functions[file] = sorted(set(self._functions_of(file)))
        place = bisect_right(functions, (line, "\U0010ffff"))
        return functions[place - 1][1] if place else f"<{Path(file).name}>"

    def _functions_of(self, file: str) -> Iterator[tuple[int, str]]:
        module = self._modules.get(file)
        if module is None:
            return
        for value in list(vars(module).values()):
            own_class = isinstance(value, type) and value.__module__ == module.__name__
            for member in list(vars(value).values()) if own_class else [value]:
                function = getattr(member, "__func__", member)
                function = getattr(function, "__wrapped__", function)
                code = getattr(function, "__code__", None)
                if isinstance(code, CodeType) and code.co_filename == file:
                    yield from _nested(code)


def _nested(code: CodeType) -> Iterator[tuple[int, str]]:
    yield code.co_firstlineno, getattr(code, "co_qualname", code.co_name)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)
