"""Lets a process speak its last words when SIGTERM ends it.

By default SIGTERM ends a process on the spot, past atexit: so ends a child of multiprocessing. uvicorn answers its
requests first, and then raises the signal once more with the handler that was there before it, which is the default
one. A handler that anybody has set is left alone.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_end: Callable[[], None] | None = None


def end_before_sigterm(end: Callable[[], None], *, by_default: bool) -> None:
    """Calls `end` before uvicorn raises the signal again; `by_default` also where nobody handles it.

    Only the main thread can set a handler; elsewhere the default stays.
    """
    global _end
    _end = end
    handler = signal.getsignal(signal.SIGTERM)
    server = getattr(handler, "__self__", None)
    if hasattr(server, "_captured_signals") and hasattr(server, "shutdown"):
        _end_with_uvicorn(server)
    elif by_default and handler is signal.SIG_DFL and threading.current_thread() is threading.main_thread():
        with suppress(ValueError):  # the main thread of a subinterpreter
            signal.signal(signal.SIGTERM, _on_sigterm)


def _on_sigterm(number: int, frame: Any) -> None:
    try:
        _speak()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


def _end_with_uvicorn(server: Any) -> None:
    """uvicorn's Server awaits its own `shutdown` last, and then raises the signals it has captured."""
    shut_down = server.shutdown

    async def shutdown(*arguments: Any, **named: Any) -> None:
        try:
            await shut_down(*arguments, **named)
        finally:
            if server._captured_signals:
                _speak()

    server.shutdown = shutdown


def _speak() -> None:
    if _end is not None:
        _end()
