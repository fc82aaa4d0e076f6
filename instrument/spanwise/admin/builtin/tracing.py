"""Sampling at run time: on, off, or another rate, for all routes or one; and the traces of a route's next requests."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from typing import Any

from spanwise.admin.builtin.traffic import route_templates
from spanwise.admin.changing import change, change_of, countdown, done, ttl_field
from spanwise.admin.messages import Answer, Invalid, Page, Request, Tier
from spanwise.admin.parameters import flag, number, shown, ttl, whole
from spanwise.admin.routes import UNLISTED, route
from spanwise.admin.tables import table
from spanwise.admin.templates import template
from spanwise.tracing import by_hand
from spanwise.tracing.sampling import HeadSampling

_PAGE = "/admin/tracing"
_KEY = "sampling rate"
_NOWHERE = "Spans go nowhere: set SPANWISE_COLLECTOR_URL or OTEL_EXPORTER_OTLP_ENDPOINT."
_MOST_NEXT = 1000
_MAX_ROUTE = 500
# twitter-server's own words.
_ENABLED = "Enabled Finagle tracing"
_DISABLED = "Disabling Finagle tracing"


@route(_PAGE, title="Tracing", group="Utilities")
def tracing(request: Request) -> Page:
    """Which share of new traces is kept, of all routes and of single ones, and for how long if it was changed here."""
    sampling = request.process.sampling
    if sampling is None:
        html = f'<div class="empty"><h2>No spans leave this process</h2><p>{escape(_NOWHERE)}</p></div>'
        return Page("Tracing", f"{_NOWHERE}\n", html, {"enabled": False, "rate": 0.0})
    active = change_of(request, _KEY)
    state = "enabled" if sampling.rate > 0 else "disabled"
    routes = _routes(request, sampling)
    data = {
        "enabled": sampling.rate > 0,
        "rate": sampling.rate,
        "parent_based": sampling.parent_based,
        "undone_in_s": None if active is None else round(active.left_s, 1),
        "routes": routes,
    }
    usage = "POST enable=true, disable=true, rate=0..1 or (with route=) next=20 changes it for ttl=10m."
    lines = [f"Tracing is {state}: {sampling.rate:g} of new traces is kept. {usage}", *map(_line, routes)]
    html = _html(request, sampling, state, routes) if request.wants_html else ""
    return Page("Tracing", "".join(f"{line}\n" for line in lines), html, data)


@route(
    _PAGE,
    title="Set sampling",
    group=UNLISTED,
    every_worker=True,
    tier=Tier.MUTATING,
    methods=("POST",),
    parameters=("enable=true", "disable=true", "rate=0.1", "route=…", "next=20", "ttl=10m"),
    example="/admin/tracing?route=/orders&next=20&ttl=5m",
)
def set_tracing(request: Request) -> Answer:
    """Switches sampling on or off or sets its rate, for 10 minutes unless `ttl` says so; of all routes or of `route`.

    `next` keeps the traces of the next so many requests of the route, also of those whose callers did not sample them.
    """
    sampling = request.process.sampling
    if sampling is None:
        raise Invalid(_NOWHERE)
    seconds = ttl(request)
    rate = 0.0 if flag(request, "disable") else number(request, "rate", math.nan, 0.0, 1.0)
    name = request.parameter("route")
    if name:
        return _set_route(request, sampling, _checked(name), rate, seconds)
    if request.parameter("next"):
        raise Invalid("next=N needs the route whose requests are meant: route=/orders.")
    if not math.isnan(rate):
        _change_rate(request, sampling, rate, seconds)
        text = _DISABLED if flag(request, "disable") else f"{rate:g} of new traces is kept"
        return done(request, text, _PAGE, {"rate": rate})
    if flag(request, "enable"):
        request.process.changes.undo(_KEY)
        if sampling.rate <= 0:
            raise Invalid("The service samples nothing by itself: give a rate, such as rate=0.1.")
        return done(request, _ENABLED, _PAGE, {"rate": sampling.rate})
    raise Invalid("Give enable=true, disable=true, rate=0..1, or route= and next=.")


def _set_route(request: Request, sampling: HeadSampling, name: str, rate: float, ttl_s: float) -> Answer:
    wanted = whole(request, "next", 0, 0, _MOST_NEXT)
    if wanted:
        change(
            request,
            _wanted_key(name),
            f"the next {wanted}",
            do=lambda: by_hand.want(sampling, name, wanted),
            undo=lambda: by_hand.want_no_more(sampling, name),
            ttl_s=ttl_s,
        )
        return done(request, f"the next {wanted} requests of {name} are traced", _PAGE, {"route": name, "next": wanted})
    if not math.isnan(rate):
        change(
            request,
            _rate_key(name),
            f"{rate:g}",
            do=lambda: by_hand.set_rate(sampling, name, rate),
            undo=lambda: by_hand.forget_rate(sampling, name),
            ttl_s=ttl_s,
        )
        return done(request, f"{rate:g} of new traces of {name} is kept", _PAGE, {"route": name, "rate": rate})
    if flag(request, "enable"):
        undone = [key for key in (_rate_key(name), _wanted_key(name)) if request.process.changes.undo(key)]
        text = f"{name}: back to the service's own rate" if undone else f"{name} had no rate of its own"
        return done(request, text, _PAGE, {"route": name})
    raise Invalid("With route= give rate=0..1, next=20, disable=true, or enable=true to take a change back.")


def _checked(name: str) -> str:
    if not name.startswith("/") or len(name) > _MAX_ROUTE:
        raise Invalid(f"route={shown(name)} is not a route such as /orders/{{id}}.")
    return name


def _change_rate(request: Request, sampling: HeadSampling, rate: float, ttl_s: float) -> None:
    change(
        request,
        _KEY,
        f"{rate:g}",
        do=lambda: sampling.override(rate),
        undo=sampling.settle,
        ttl_s=ttl_s,
    )


def _rate_key(name: str) -> str:
    return f"{_KEY} of {name}"


def _wanted_key(name: str) -> str:
    return f"traces of {name}"


def _routes(request: Request, sampling: HeadSampling) -> list[dict[str, Any]]:
    """Routes that differ from the service's rate: set here, and in the collector's policy."""
    left_s = {each.key: each.left_s for each in request.process.changes.active()}
    found: dict[str, dict[str, Any]] = {}

    def entry(name: str, key: str) -> dict[str, Any]:
        left = left_s.get(key)
        return found.setdefault(
            name,
            {
                "route": name,
                "rate": None,
                "next": None,
                "set_by": "hand",
                "undone_in_s": None if left is None else round(left, 1),
            },
        )

    for wanted in sampling.wanted:
        entry(wanted.route, _wanted_key(wanted.route))["next"] = {"left": wanted.left, "of": wanted.number}
    for each in by_hand.set_by_hand(sampling):
        entry(each.route, _rate_key(each.route))["rate"] = each.rate
    for each in sampling.routes.policy if sampling.routes is not None else ():
        if each.route not in found:
            entry(each.route, "").update(rate=each.rate, set_by="the collector's policy")
    return list(found.values())


def _line(entry: dict[str, Any]) -> str:
    return f"{entry['route']}: {_kept(entry)}, set by {entry['set_by']}"


def _kept(entry: dict[str, Any]) -> str:
    parts = []
    if entry["next"] is not None:
        left, of = entry["next"]["left"], entry["next"]["of"]
        parts.append(f"the next {left} of {of}" if left else f"all {of} taken")
    if entry["rate"] is not None:
        parts.append(f"{entry['rate']:g}")
    return ", else ".join(parts) or "within bounds"


def _html(request: Request, sampling: HeadSampling, state: str, routes: list[dict[str, Any]]) -> str:
    active = change_of(request, _KEY)
    names = "".join(f'<option value="{escape(name)}">' for name in route_templates(request.process))
    return template("tracing.html").substitute(
        badge="success" if sampling.rate > 0 else "warning",
        state=state,
        rate=f"{sampling.rate * 100:g} %",
        value=f"{sampling.rate:g}",
        follows="A caller's decision is followed." if sampling.parent_based else "A caller's decision is not followed.",
        active=countdown(active) if active is not None else "",
        ttl=ttl_field(),
        names=names,
        routes=_table(routes),
    )


def _table(routes: Iterable[dict[str, Any]]) -> str:
    rows = "".join(
        f'<tr><td class="mono">{escape(each["route"])}</td><td>{_kept(each)}</td>'
        f'<td class="muted">{escape(each["set_by"])}</td><td>{_undo(each)}</td></tr>'
        for each in routes
    )
    if not rows:
        return ""
    head = "<th>route</th><th>kept</th><th>set by</th><th></th>"
    return table(head, rows)


def _undo(entry: dict[str, Any]) -> str:
    if entry["set_by"] != "hand":
        return ""
    return (
        '<form class="inline" method="post" action="/admin/tracing">'
        f'<input type="hidden" name="route" value="{escape(entry["route"])}">'
        '<button class="button" name="enable" value="true" type="submit">Take back</button></form>'
    )
