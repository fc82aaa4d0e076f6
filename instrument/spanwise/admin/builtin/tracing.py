"""Sampling at run time: on, off, or another rate, for a while."""

from __future__ import annotations

import math
from html import escape

from spanwise.admin.changing import change, change_of, countdown, done, ttl_field
from spanwise.admin.messages import Answer, Invalid, Page, Request, Tier
from spanwise.admin.parameters import flag, number, ttl
from spanwise.admin.routes import UNLISTED, route
from spanwise.admin.templates import template
from spanwise.tracing.sampling import HeadSampling

_KEY = "sampling rate"
_NOWHERE = "Spans go nowhere: set SPANWISE_COLLECTOR_URL or OTEL_EXPORTER_OTLP_ENDPOINT."
# twitter-server's own words.
_ENABLED = "Enabled Finagle tracing"
_DISABLED = "Disabling Finagle tracing"


@route("/admin/tracing", title="Tracing", group="Utilities")
def tracing(request: Request) -> Page:
    """Which share of new traces is kept, and for how long if it was changed here."""
    sampling = request.process.sampling
    if sampling is None:
        html = f'<div class="empty"><h2>No spans leave this process</h2><p>{escape(_NOWHERE)}</p></div>'
        return Page("Tracing", f"{_NOWHERE}\n", html, {"enabled": False, "rate": 0.0})
    active = change_of(request, _KEY)
    state = "enabled" if sampling.rate > 0 else "disabled"
    follows = "A caller's decision is followed." if sampling.parent_based else "A caller's decision is not followed."
    html = template("tracing.html").substitute(
        badge="success" if sampling.rate > 0 else "warning",
        state=state,
        rate=f"{sampling.rate * 100:g} %",
        value=f"{sampling.rate:g}",
        follows=follows,
        active=countdown(active) if active is not None else "",
        ttl=ttl_field(),
    )
    data = {
        "enabled": sampling.rate > 0,
        "rate": sampling.rate,
        "parent_based": sampling.parent_based,
        "undone_in_s": None if active is None else round(active.left_s, 1),
    }
    usage = "POST enable=true, disable=true or rate=0..1, with ttl=10m, changes it for a while."
    return Page("Tracing", f"Tracing is {state}: {sampling.rate:g} of new traces is kept. {usage}\n", html, data)


@route(
    "/admin/tracing",
    title="Set sampling",
    group=UNLISTED,
    every_worker=True,
    tier=Tier.MUTATING,
    methods=("POST",),
    parameters=("enable=true", "disable=true", "rate=0.1", "ttl=10m"),
    example="/admin/tracing?rate=1&ttl=5m",
)
def set_tracing(request: Request) -> Answer:
    """Switches sampling on or off or sets its rate, for 10 minutes unless `ttl` says so."""
    sampling = request.process.sampling
    if sampling is None:
        raise Invalid(_NOWHERE)
    seconds = ttl(request)
    rate = number(request, "rate", math.nan, 0.0, 1.0)
    if flag(request, "disable"):
        _change(request, sampling, 0.0, seconds)
        return done(request, _DISABLED, "/admin/tracing", {"rate": 0.0})
    if not math.isnan(rate):
        _change(request, sampling, rate, seconds)
        return done(request, f"{rate:g} of new traces is kept", "/admin/tracing", {"rate": rate})
    if flag(request, "enable"):
        request.process.changes.undo(_KEY)
        if sampling.rate <= 0:
            raise Invalid("The service samples nothing by itself: give a rate, such as rate=0.1.")
        return done(request, _ENABLED, "/admin/tracing", {"rate": sampling.rate})
    raise Invalid("Give enable=true, disable=true or rate=0..1.")


def _change(request: Request, sampling: HeadSampling, rate: float, ttl_s: float) -> None:
    before = sampling.rate
    change(
        request,
        _KEY,
        f"{rate:g}",
        do=lambda: sampling.set_rate(rate),
        undo=lambda: sampling.set_rate(before),
        ttl_s=ttl_s,
    )
