"""The garbage collector, run or frozen by hand."""

from __future__ import annotations

import gc
import time

from spanwise.admin.changing import change, done
from spanwise.admin.messages import Answer, Invalid, Request, Tier
from spanwise.admin.parameters import flag, ttl
from spanwise.admin.routes import route

_KEY = "frozen objects"


@route(
    "/admin/gc",
    title="Collect garbage",
    group="Utilities",
    every_worker=True,
    tier=Tier.MUTATING,
    methods=("POST",),
    parameters=("freeze=true", "unfreeze=true", "ttl=10m"),
    example="/admin/gc?freeze=true&ttl=10m",
)
def collect(request: Request) -> Answer:
    """Runs a full collection, in which the service stands still; `freeze` then leaves what lives out of later ones."""
    if flag(request, "unfreeze"):
        if not request.process.changes.undo(_KEY):
            raise Invalid("Nothing is frozen by this page.")
        return done(request, "unfrozen: collections look at every object again", "/admin")
    began = time.perf_counter()
    collected = gc.collect()
    took_ms = (time.perf_counter() - began) * 1000
    data = {"collected": collected, "took_ms": round(took_ms, 3)}
    if not flag(request, "freeze"):
        return done(request, f"collected {collected} objects in {took_ms:.1f} ms", "/admin", data)
    change(request, _KEY, "left out of collections", do=gc.freeze, undo=gc.unfreeze, ttl_s=ttl(request))
    data["frozen"] = gc.get_freeze_count()
    return done(
        request, f"collected {collected} objects in {took_ms:.1f} ms and froze {data['frozen']}", "/admin", data
    )
