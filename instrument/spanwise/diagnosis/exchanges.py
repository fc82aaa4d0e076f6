"""The latest requests that were answered. The request path only keeps each in a ring; the rest is done for who looks.

What is kept is what metrics and spans say of a request: no header, no body, no query.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from spanwise.http.server import ANSWERED, Request


@dataclass(frozen=True, slots=True)
class Exchange:
    """`at` is when the answer ended, in Unix seconds; `route` "" where it is not known; `trace_id` "" for none."""

    at: float
    method: str
    path: str
    route: str
    status: str
    took_s: float
    trace_id: str

    @property
    def failed(self) -> bool:
        return self.status >= "500"


def exchanges() -> list[Exchange]:
    """The newest first."""
    behind_s = time.time() - time.perf_counter()
    return [_exchange(request, behind_s) for request in reversed(ANSWERED.copy())]


def _exchange(request: Request, behind_s: float) -> Exchange:
    return Exchange(
        at=behind_s + request.started + request.took_s,
        method=request.method,
        path=request.path,
        route=request.route,
        status=request.status,
        took_s=request.took_s,
        trace_id=request.known_trace_id,
    )
