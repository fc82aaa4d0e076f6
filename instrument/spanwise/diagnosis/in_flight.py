"""The requests that are being answered now.

The request path only puts each request into a set and takes it out again (0.1 us); all else is found out when somebody
looks. Putting in and taking out are single steps of the interpreter, so that no lock is needed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from spanwise.diagnosis.tasks import task_stack
from spanwise.http.server import LIVE, Request
from spanwise.profiling.stacks import Stack, current_frames, stack_of


@dataclass(frozen=True, slots=True)
class InFlight:
    """`route` is the template where it is known already, else "". `trace_id` is "" while nobody has asked for one.
    `task` is the name of the asyncio task, "" for none. `stack` is leaf first."""

    method: str
    path: str
    route: str
    age_s: float
    trace_id: str
    sampled: bool
    thread: int
    task: str
    stack: Stack


def in_flight() -> list[InFlight]:
    """Oldest first."""
    now = time.perf_counter()
    frames = current_frames()
    found = [_one(request, frames, now) for request in LIVE.copy()]
    del frames
    return sorted((each for each in found if each is not None), key=lambda each: -each.age_s)


def busy_threads() -> set[int]:
    """The threads that are answering a request in the open, without asyncio."""
    return {request.thread for request in LIVE.copy() if request.task is None}


def _one(request: Request, frames: dict[int, Any], now: float) -> InFlight | None:
    source, task = request.source, request.task
    if source is None:
        return None  # it ended meanwhile
    try:
        described = request.describe(source)
    except Exception:
        described = {}
    return InFlight(
        method=request.method,
        path=str(described.get("url.path", "")),
        route=request.route,
        age_s=max(0.0, now - request.started),
        trace_id=request.known_trace_id,
        sampled=request.span is not None and request.span.is_recording(),
        thread=request.thread,
        task=task.get_name() if task is not None else "",
        stack=task_stack(task) if task is not None else stack_of(frames.get(request.thread)),
    )
