"""Which line of a stack is the service's own: the one that a person wants to be shown."""

from __future__ import annotations

import linecache
import sys
import sysconfig
from functools import lru_cache

from spanwise.profiling.stacks import Frame, Stack

_STANDARD_LIBRARY = tuple(
    {path for name in ("stdlib", "platstdlib") if (path := sysconfig.get_paths().get(name))} | {"<frozen"}
)
_INSTALLED = ("site-packages", "dist-packages")
_OURS = __file__.rpartition("diagnosis")[0]


@lru_cache(maxsize=4096)
def is_application(file: str) -> bool:
    """Whether a file belongs to the service: not to Python, to an installed package, or to this library."""
    if any(part in file for part in _INSTALLED) or file.startswith((_OURS, "<")):
        return False
    return not file.startswith(_STANDARD_LIBRARY)


def culprit(stack: Stack) -> Frame | None:
    """The service's innermost call in a stack (leaf first); the innermost of all where none is the service's."""
    return next((frame for frame in stack if is_application(frame.file)), stack[0] if stack else None)


def called_from(stack: Stack) -> str:
    """`Session.get` for what the culprit calls, "" where the culprit itself is the innermost."""
    own = culprit(stack)
    if own is None or stack[0] == own:
        return ""
    return stack[stack.index(own) - 1].function


def source(frame: Frame) -> str:
    """The line of code, "" where it cannot be had."""
    return linecache.getline(frame.file, frame.line).strip()


def place(frame: Frame) -> str:
    """`views.py:41 in checkout`."""
    return f"{short(frame.file)}:{frame.line} in {frame.function}"


@lru_cache(maxsize=4096)
def short(file: str) -> str:
    """A file as it is imported: the longest entry of sys.path cut off."""
    roots = [path for path in sys.path if path and file.startswith(path.rstrip("/") + "/")]
    return file[len(max(roots, key=len).rstrip("/")) + 1 :] if roots else file
