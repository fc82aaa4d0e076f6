"""Tells a presence of the forks of its process, by every way there is to hear of them.

os.fork and everything built on it call Python's own hooks. uWSGI forks in C and by default tells nobody but its
`post_fork_hook`; Python's own care after a fork does not run there either, so the random numbers, of which trace ids
are made, would be the same in all workers. A child of multiprocessing ends by os._exit, past Python's atexit: its end
is heard of as multiprocessing's own finalizers are.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from typing import Any, Protocol

from spanwise.import_hook import when_imported
from spanwise.tracing import root_ids

# Finalizers of multiprocessing's queues, which flush them, have a lower priority and run later.
_FINALIZER_PRIORITY = 100


class Forking(Protocol):
    @property
    def is_master(self) -> bool: ...

    def before_fork(self) -> None: ...

    def after_fork_in_parent(self) -> None: ...

    def after_fork_in_child(self) -> None: ...


_watched: Forking | None = None
_end: Callable[[], None] | None = None
# The process that has been told of its birth; hooks of two kinds may both tell it.
_pid = 0
_registered = False


def watch(presence: Forking, end: Callable[[], None]) -> None:
    """From now on. The last one watched is the one told; `end` is called when a child of multiprocessing ends."""
    global _watched, _end, _pid, _registered
    _watched, _end, _pid = presence, end, os.getpid()
    if _registered:
        return
    _registered = True
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
    when_imported("multiprocessing.util", _watch_multiprocessing)
    if "uwsgi" in sys.modules:
        _watch_uwsgi(sys.modules["uwsgi"])


def _before() -> None:
    if _watched is not None:
        _watched.before_fork()


def _in_parent() -> None:
    if _watched is not None:
        _watched.after_fork_in_parent()


def _in_child() -> None:
    global _pid
    if _watched is not None and _pid != os.getpid():
        _pid = os.getpid()
        _watched.after_fork_in_child()


def _watch_multiprocessing(util: Any) -> None:
    # In a child, multiprocessing forgets the finalizers it has inherited and then calls what is registered here. The
    # registry is weak: it needs an object that stays.
    util.register_after_fork(_in_child, lambda _: _end_with_multiprocessing(util))


def _end_with_multiprocessing(util: Any) -> None:
    if _end is not None:
        util.Finalize(None, _end, exitpriority=_FINALIZER_PRIORITY)


def _watch_uwsgi(server: Any) -> None:
    try:
        import uwsgidecorators  # type: ignore[import-untyped]

        uwsgidecorators.postfork_chain.append(_in_uwsgi_child)
    except Exception:  # it refuses to be imported without a master process
        earlier = getattr(server, "post_fork_hook", None)

        def chained() -> None:
            if earlier is not None:
                earlier()
            _in_uwsgi_child()

        server.post_fork_hook = chained


def _in_uwsgi_child() -> None:
    global _pid
    if _pid == os.getpid():
        if _watched is None or not _watched.is_master:
            return
        _pid = 0  # without a master process the first worker is the process that has loaded the application
    random.seed()
    root_ids.forget()
    _in_child()
