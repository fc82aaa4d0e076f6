"""The front page: what this process is, how it is doing, and where to look next."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import groupby
from typing import Any

from spanwise.admin import wording
from spanwise.admin.messages import Page, Request, Response, Tier
from spanwise.admin.process import Process
from spanwise.admin.routes import UNLISTED, Route, route
from spanwise.admin.summary import Summary, Traffic, summarize
from spanwise.admin.templates import template
from spanwise.health import Kind, State, Verdict
from spanwise.standard import UNKNOWN

_MOST_ROUTES = 8
_MAX_FACT = 36  # a UUID; a commit's first letters say enough, and the whole is in its tooltip
_STATE_BADGES = {State.READY: "badge-success", State.STARTING: "badge-warning", State.DRAINING: "badge-warning"}
# Resource attributes beside the service's name, in the order of the page.
_FACTS = (
    ("deployment.environment.name", "environment"),
    ("service.version", "version"),
    ("vcs.ref.head.revision", "revision"),
    ("service.namespace", "namespace"),
    ("spanwise.owner", "owner"),
    ("service.instance.id", "instance"),
    ("process.pid", "pid"),
)


@route("/", title="Start", group=UNLISTED, tier=Tier.OPEN)
def root(_request: Request) -> Response:
    """To `/admin`."""
    return Response(307, (("Location", "/admin"),))


@route("/admin/", title="Start", group=UNLISTED, tier=Tier.OPEN)
def admin_with_slash(_request: Request) -> Response:
    """To `/admin`."""
    return Response(307, (("Location", "/admin"),))


@route("/admin", title="Overview", group=UNLISTED, tier=Tier.OPEN)
def index(request: Request) -> Page:
    """One line for scripts; for browsers what this process is, how it does, and every page."""
    process = request.process
    html = _html(process, summarize(process), request.trusted) if request.wants_html else ""
    return Page(process.attribute("service.name"), _one_line(request), html, _machine_index(process), heading=False)


@route("/admin.json", title="Machine-readable index", group="Misc", tier=Tier.OPEN)
def machine_index(request: Request) -> dict[str, Any]:
    """Identity, state, and every page with path, methods, tier and title."""
    return _machine_index(request.process)


def _one_line(request: Request) -> str:
    process = request.process
    name, version = process.attribute("service.name"), process.attribute("service.version")
    who = name if version == UNKNOWN else f"{name} {version}"
    state = process.health.lifecycle.state.value
    return f"{who} is {state}. Open this in a browser, or see /admin.json for what there is.\n"


def _machine_index(process: Process) -> dict[str, Any]:
    return {
        "identity": dict(sorted(process.identity_attributes.items())),
        "state": process.health.lifecycle.state.value,
        "routes": [_entry(each) for each in process.visible_routes()],
    }


def _entry(each: Route) -> dict[str, Any]:
    return {
        "path": each.path,
        "methods": list(each.methods),
        "tier": each.tier.value,
        "title": each.title,
        "group": each.group,
        "summary": each.summary,
        "parameters": list(each.parameters),
        "example": each.shown_example,
    }


def _html(process: Process, summary: Summary, trusted: bool) -> str:
    return template("index.html").substitute(
        name=escape(process.attribute("service.name")),
        state=_state_badge(process),
        facts=_facts(process),
        alerts=_alerts(process),
        stats=_stats(summary),
        traffic=_traffic(summary),
        groups="".join(_group(name, routes, trusted) for name, routes in _grouped(process)),
    )


def _state_badge(process: Process) -> str:
    health = process.health
    if health.lifecycle.state is State.READY and not health.ready():
        return '<span class="badge badge-danger">not ready</span>'
    state = health.lifecycle.state
    return f'<span class="badge {_STATE_BADGES[state]}">{state.value}</span>'


def _facts(process: Process) -> str:
    shown = [(label, process.identity_attributes.get(attribute, "")) for attribute, label in _FACTS]
    return "".join(
        f'<div><dt>{label}</dt><dd title="{escape(value)}">{escape(value[:_MAX_FACT])}</dd></div>'
        for label, value in shown
        if value and value != UNKNOWN
    )


def _alerts(process: Process) -> str:
    results = [result for kind in Kind for result in process.health.results(kind)]
    return "".join(
        f'<p class="banner banner-danger"><strong>{escape(each.name)}</strong> {each.kind.value} check fails:'
        f" {escape(each.fault)}</p>"
        for each in results
        if each.verdict is Verdict.FAILING
    )


def _stats(summary: Summary) -> str:
    total = summary.total
    errors_class = "stat-bad" if total.failed else ""
    tiles = (
        ("requests", wording.rate(summary.requests_per_s), f"{wording.count(total.requests)} since start", ""),
        ("errors", wording.share(total.failed_share), f"{wording.count(total.failed)} answered 5xx", errors_class),
        ("p50", wording.duration(total.durations.quantile(0.5)), "half are faster", ""),
        ("p99", wording.duration(total.durations.quantile(0.99)), "1 in 100 is slower", ""),
        ("in flight", wording.count(summary.in_flight), "requests now", ""),
        ("uptime", wording.duration(summary.uptime_s), "since start", ""),
        ("memory", wording.size(summary.resident_bytes), "resident", ""),
        ("threads", wording.count(summary.threads), "alive", ""),
    )
    return "".join(
        f'<div class="stat {kind}"><div class="stat-label">{label}</div><div class="stat-value">{escape(value)}</div>'
        f'<div class="stat-note">{escape(note)}</div></div>'
        for label, value, note, kind in tiles
    )


def _traffic(summary: Summary) -> str:
    busiest = summary.busiest(_MOST_ROUTES)
    if not busiest:
        return template("no_traffic.html").substitute()
    hidden = len(summary.routes) - len(busiest)
    more = f'<p class="muted table-note">and {hidden} more in <a href="/metrics">/metrics</a></p>' if hidden else ""
    slowest = max(traffic.durations.quantile(0.99) for _, traffic in busiest)
    rows = "".join(_traffic_row(method, path, traffic, slowest) for (method, path), traffic in busiest)
    return template("traffic.html").substitute(rows=rows, more=more)


def _traffic_row(method: str, path: str, traffic: Traffic, slowest: float) -> str:
    shown = f"<code>{escape(path)}</code>" if path else '<span class="muted">no route</span>'
    p99 = traffic.durations.quantile(0.99)
    bar = f'<meter min="0" max="{slowest:.6f}" value="{p99:.6f}" aria-hidden="true"></meter>'
    errors = f'<span class="bad">{wording.share(traffic.failed_share)}</span>' if traffic.failed else "0"
    return (
        f'<tr><td class="route"><span class="method">{escape(method)}</span> {shown}</td>'
        f'<td class="number">{wording.count(traffic.requests)}</td><td class="number">{errors}</td>'
        f'<td class="number median">{wording.duration(traffic.durations.quantile(0.5))}</td>'
        f'<td class="number">{wording.duration(p99)}</td>'
        f'<td class="bar-cell">{bar}</td></tr>'
    )


def _grouped(process: Process) -> Iterable[tuple[str, list[Route]]]:
    """The groups with their routes, both already in the index's order."""
    return [(name, list(routes)) for name, routes in groupby(process.visible_routes(), key=lambda each: each.group)]


def _group(name: str, routes: list[Route], trusted: bool) -> str:
    links = "".join(_link(each, trusted) for each in routes)
    return f'<section class="card"><h2>{escape(name)}</h2><ul class="link-list">{links}</ul></section>'


def _link(each: Route, trusted: bool) -> str:
    if "GET" not in each.methods:
        label = f'<span>{escape(each.title)}</span><span class="badge">{escape(" ".join(each.methods))}</span>'
        return f'<li class="link-plain" title="{escape(each.summary)}">{label}</li>'
    locked = each.tier is not Tier.OPEN and not trusted
    badge = '<span class="badge" title="only from this machine or with the token">token</span>' if locked else ""
    path = f'<span class="muted mono link-path">{escape(each.path)}</span>'
    return (
        f'<li><a href="{escape(each.path)}" title="{escape(each.summary)}"><span>{escape(each.title)}</span>'
        f"{badge or path}</a></li>"
    )
