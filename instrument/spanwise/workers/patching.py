"""gunicorn's gevent workers under `--preload`: the fork comes before gevent replaces threads, locks and sockets.

What is made between the two is of the wrong kind: a real lock that a greenlet waits for stops the whole process. So a
worker that is about to be patched begins only when it has been.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

_GEVENT_WORKER = "gunicorn.workers.ggevent"


def is_about_to_be_patched() -> bool:
    """Whether this process is a worker that has just been forked and that gevent has not patched yet."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or monkey.is_module_patched("threading"):
        return False
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "spawn_worker" and frame.f_globals.get("__name__") == "gunicorn.arbiter":
            worker = frame.f_locals.get("worker")
            return any(kind.__module__ == _GEVENT_WORKER for kind in type(worker).__mro__)
        frame = frame.f_back  # type: ignore[assignment]
    return False


def when_patched(begin: Callable[[], None]) -> None:
    """Calls `begin` once, as soon as gevent has patched everything."""
    from gevent import events

    def patched(event: object) -> None:
        if isinstance(event, events.GeventDidPatchAllEvent):
            events.subscribers.remove(patched)
            begin()

    events.subscribers.append(patched)
