"""The same profiles where Go programs have them (net/http/pprof), so that `go tool pprof http://host:9990` and scrapers
of profiles work as they are."""

from __future__ import annotations

import sys

from spanwise.admin.builtin.profiles import heap, lock_waits, sampled
from spanwise.admin.messages import Answer, Request
from spanwise.admin.profiles import answer, of_all_workers
from spanwise.admin.routes import UNLISTED, route
from spanwise.diagnosis.threads import ThreadDump, look
from spanwise.profiling.heap import census
from spanwise.profiling.locks import contention
from spanwise.profiling.profile import SAMPLES, Labels, Profile, Values, added
from spanwise.profiling.stacks import Stack

# What net/http/pprof takes when nobody says how long.
_GO_SECONDS = 30.0


@route("/debug/pprof/", title="pprof", group=UNLISTED)
def index(_request: Request) -> str:
    """Which profiles there are here."""
    names = ("allocs", "block", "cmdline", "goroutine", "heap", "mutex", "profile")
    return "".join(f"/debug/pprof/{name}\n" for name in names)


@route(
    "/debug/pprof/profile",
    title="Profile (Go's path)",
    group=UNLISTED,
    parameters=("seconds=30", "hz=100"),
    example="/debug/pprof/profile?seconds=5",
    merge=of_all_workers(_GO_SECONDS),
)
def profile(request: Request) -> Answer:
    """The same as `/admin/pprof/profile`, for 30 seconds unless told otherwise."""
    return sampled(request, _GO_SECONDS)


@route(
    "/debug/pprof/heap",
    title="Heap (Go's path)",
    group=UNLISTED,
    parameters=("seconds=…",),
    example="/debug/pprof/heap?seconds=5",
)
def go_heap(request: Request) -> Answer:
    """Objects by type at once; with `seconds` the allocations of that time, as `/admin/pprof/heap`."""
    return heap(request) if request.parameter("seconds") is not None else answer(request, census)


@route(
    "/debug/pprof/allocs",
    title="Allocations (Go's path)",
    group=UNLISTED,
    parameters=("seconds=…",),
    example="/debug/pprof/allocs?seconds=5",
)
def allocs(request: Request) -> Answer:
    """The same as `/debug/pprof/heap`."""
    return go_heap(request)


@route(
    "/debug/pprof/block",
    title="Blocked (Go's path)",
    group=UNLISTED,
    parameters=("seconds=…",),
    example="/debug/pprof/block?seconds=5",
)
def block(request: Request) -> Answer:
    """Lock waits since the start; with `seconds` during that time, as `/admin/pprof/contention`."""
    if request.parameter("seconds") is not None:
        return lock_waits(request)
    return answer(request, lambda: contention(None))


@route(
    "/debug/pprof/mutex",
    title="Mutex (Go's path)",
    group=UNLISTED,
    parameters=("seconds=…",),
    example="/debug/pprof/mutex?seconds=5",
)
def mutex(request: Request) -> Answer:
    """The same as `/debug/pprof/block`."""
    return block(request)


@route(
    "/debug/pprof/goroutine",
    title="Threads (Go's path)",
    group=UNLISTED,
    parameters=("debug=1",),
    example="/debug/pprof/goroutine?debug=2",
)
def goroutine(request: Request) -> Answer:
    """Every thread's stack as a profile; with `debug` as text."""
    if request.parameter("debug") not in (None, "", "0"):
        return look().text()
    return answer(request, lambda: _as_profile(look()))


@route("/debug/pprof/cmdline", title="Program", group=UNLISTED)
def cmdline(_request: Request) -> bytes:
    """Interpreter and program, separated by NUL; no arguments, which may hold secrets."""
    return "\0".join([sys.executable or "python", *sys.argv[:1]]).encode("utf-8", "replace")


def _as_profile(dump: ThreadDump) -> Profile:
    found: list[tuple[tuple[Stack, Labels], Values]] = [
        ((thread.stack, (("thread", thread.name),)), (1,)) for thread in dump.threads
    ]
    return Profile("threads", (SAMPLES,), SAMPLES.type, added(found))
