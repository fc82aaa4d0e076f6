"""Thread pools with every thread busy: of concurrent.futures (gthread, asyncio's default), AnyIO, waitress."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from spanwise.diagnosis.threads import ThreadLook
from spanwise.diagnosis.where import called_from, culprit
from spanwise.profiling.stacks import Frame

# AnyIO's limit of worker threads, unless the service sets another.
_ANYIO_THREADS = 40
_ANYIO_NAME = "AnyIO worker thread"
_WAITRESS_NAME = "waitress-"


@dataclass(frozen=True, slots=True)
class Exhausted:
    """`waiting`: jobs in the queue, None where nobody can tell. `place` is where most of its threads are, `call` what
    is called there."""

    name: str
    threads: int
    waiting: int | None
    place: Frame | None
    call: str
    in_place: int


def exhausted(threads: Iterable[ThreadLook]) -> list[Exhausted]:
    """The pools that have no thread left."""
    threads = list(threads)
    found = [*_executors({thread.ident: thread for thread in threads})]
    anyio = [thread for thread in threads if thread.name == _ANYIO_NAME]
    if len(anyio) >= _ANYIO_THREADS and not any(_waits_for_work(thread) for thread in anyio):
        found.append(_pool("AnyIO", anyio, None))
    waitress = [thread for thread in threads if thread.name.startswith(_WAITRESS_NAME)]
    if waitress and not any(_waits_for_work(thread) or thread.state == "RUNNABLE" for thread in waitress):
        found.append(_pool("waitress", waitress, None))
    return found


def _executors(by_ident: dict[int, ThreadLook]) -> list[Exhausted]:
    """The standard library knows each worker's queue."""
    module = sys.modules.get("concurrent.futures.thread")
    queues = dict(getattr(module, "_threads_queues", {}))
    pools: dict[int, list[ThreadLook]] = {}
    waiting: dict[int, int] = {}
    for thread, queue in queues.items():
        # The number of a thread that has ended may be another's by now.
        look = by_ident.get(thread.ident) if thread.is_alive() else None
        if look is not None:
            pools.setdefault(id(queue), []).append(look)
            waiting[id(queue)] = queue.qsize()
    return [
        _pool(_pool_name(members), members, waiting[key])
        for key, members in pools.items()
        if waiting[key] > 0 and not any(_waits_for_work(member) for member in members)
    ]


def _pool(name: str, members: list[ThreadLook], waiting: int | None) -> Exhausted:
    places = Counter((culprit(member.stack), called_from(member.stack)) for member in members)
    (place, call), number = places.most_common(1)[0]
    return Exhausted(name, len(members), waiting, place, call, number)


def _pool_name(members: list[ThreadLook]) -> str:
    """`ThreadPoolExecutor-0_3` -> `ThreadPoolExecutor-0`."""
    return members[0].name.rpartition("_")[0] or members[0].name


def _waits_for_work(thread: ThreadLook) -> bool:
    """Whether the innermost call outside of queues and locks is the pool's own."""
    outside = next((frame for frame in thread.stack if not frame.file.endswith(("/threading.py", "/queue.py"))), None)
    if outside is None:
        return True
    if outside.file.endswith("concurrent/futures/thread.py"):
        return outside.function == "_worker"
    return "/anyio/" in outside.file or "/waitress/" in outside.file
