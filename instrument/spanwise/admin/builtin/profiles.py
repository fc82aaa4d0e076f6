"""Profiles of this process, under twitter-server's paths."""

from __future__ import annotations

import gc

from spanwise.admin.messages import Answer, Request
from spanwise.admin.parameters import number, whole
from spanwise.admin.profiles import FORMAT_PARAMETERS, answer, of_all_workers
from spanwise.admin.routes import route
from spanwise.profiling.heap import DEFAULT_WINDOW_S, MAX_WINDOW_S, census, window
from spanwise.profiling.locks import contention
from spanwise.profiling.sampler import DEFAULT_HZ, DEFAULT_SECONDS, MAX_HZ, MAX_SECONDS, sample

_GROUP = "Performance Profile"


@route(
    "/admin/pprof/profile",
    title="Profile",
    group=_GROUP,
    parameters=("seconds=10", "hz=100", *FORMAT_PARAMETERS),
    example="/admin/pprof/profile?seconds=5&format=text",
    merge=of_all_workers(DEFAULT_SECONDS),
)
def profile(request: Request) -> Answer:
    """Where processor and wall time go: all threads sampled for `seconds`; for `go tool pprof` and others.

    Samples land where Python code gives up the interpreter lock; a C call that keeps it shows as missed samples.
    """
    return sampled(request, DEFAULT_SECONDS)


def sampled(request: Request, default_s: float) -> Answer:
    seconds = number(request, "seconds", default_s, 0, MAX_SECONDS)
    hz = whole(request, "hz", DEFAULT_HZ, 1, MAX_HZ)
    return answer(request, lambda: sample(seconds, hz, request.gone))


@route(
    "/admin/pprof/heap",
    title="Heap",
    group=_GROUP,
    parameters=("seconds=10", "census", "force_gc=1", *FORMAT_PARAMETERS),
    example="/admin/pprof/heap?seconds=5&format=text",
    merge=of_all_workers(DEFAULT_WINDOW_S),
)
def heap(request: Request) -> Answer:
    """What is allocated within `seconds` and still in use, by stack; with `census` every object by type, at once."""
    if request.flag("force_gc"):
        gc.collect()
    if request.flag("census"):
        return answer(request, census)
    # `pause` is twitter-server's name for it.
    name = "seconds" if request.parameter("seconds") is not None else "pause"
    seconds = number(request, name, DEFAULT_WINDOW_S, 0, MAX_WINDOW_S)
    return answer(request, lambda: window(seconds, request.gone))


@route(
    "/admin/pprof/contention",
    title="Blocked profile",
    group=_GROUP,
    parameters=("seconds=10", "total", *FORMAT_PARAMETERS),
    example="/admin/pprof/contention?seconds=5&format=text",
    merge=of_all_workers(DEFAULT_SECONDS),
)
def lock_waits(request: Request) -> Answer:
    """Waits for locks by stack, during `seconds` or in `total`; of locks made after `spanwise.track_locks()`."""
    seconds = number(request, "seconds", DEFAULT_SECONDS, 0, MAX_SECONDS)
    return answer(request, lambda: contention(None if request.flag("total") else seconds, request.gone))
