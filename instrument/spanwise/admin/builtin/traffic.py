"""Whom the service talks to and who talks to it, from the registry: the least healthy first."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from spanwise.admin import wording
from spanwise.admin.histograms import Buckets
from spanwise.admin.messages import Answer, Page, Request
from spanwise.admin.rendering import problem
from spanwise.admin.routes import UNLISTED, route
from spanwise.admin.series import histograms
from spanwise.admin.tables import table
from spanwise.diagnosis.failures import CALLED, NO_ROUTE, SERVED, Failure, Failures
from spanwise.exposition import families
from spanwise.standard import (
    CIRCUIT_BREAKER_CALLS,
    CIRCUIT_BREAKER_STATE,
    HTTP_CLIENT_REQUEST_DURATION,
    HTTP_SERVER_REQUEST_DURATION,
)

if TYPE_CHECKING:
    from spanwise.admin.process import Process

# What a breaker's state is called, by its number in the standard's metric; the first needs somebody's attention most.
_BREAKER_STATES = {2: "open", 1: "half-open", 0: "closed"}
_BREAKER_BADGES = {"open": "badge-danger", "half-open": "badge-warning", "closed": "badge-success"}


@dataclass(slots=True)
class Peer:
    """One downstream or one route since the start; `faults` counts failures by method and reason, `latest` are the
    last of them in this process, newest first."""

    name: str
    durations: Buckets = field(default_factory=Buckets)
    failed: float = 0.0
    faults: dict[tuple[str, str], float] = field(default_factory=dict)
    latest: list[Failure] = field(default_factory=list)

    @property
    def success(self) -> float:
        """1.0 where nothing failed."""
        return 1.0 - self.failed / self.durations.count if self.durations.count else 1.0

    @property
    def health(self) -> tuple[float, float]:
        """For sorting: failures first, then the slow."""
        return self.success, -self.durations.quantile(0.99)


@route("/admin/clients/", title="Downstream clients", group="Process Info")
def clients(request: Request) -> Page:
    """Each service that is called: rate, success, latency and last failures, the least healthy first; and breakers."""
    found = breakers(request.process)
    page = _listing(request, downstreams(request.process), "Downstream clients", "/admin/clients/")
    text = page.text + "".join(f"breaker {each['name']} is {each['state']}\n" for each in found)
    return replace(page, text=text, html=page.html + _breakers_html(found), data={**page.data, "breakers": found})


@route("/admin/clients/*", title="A downstream", group=UNLISTED, example="/admin/clients/payments%3A8080")
def client(request: Request) -> Answer:
    """One downstream by the name it is listed under."""
    return _single(request, downstreams(request.process), "/admin/clients/")


@route("/admin/servers/", title="Routes served", group="Process Info")
def servers(request: Request) -> Page:
    """Each route that is served: rate, success, latency and last failures, the least healthy first."""
    return _listing(request, routes_served(request.process), "Routes served", "/admin/servers/")


@route("/admin/servers/*", title="A route", group=UNLISTED, example="/admin/servers/GET%20%2Forders")
def server(request: Request) -> Answer:
    """One route by the name it is listed under."""
    return _single(request, routes_served(request.process), "/admin/servers/")


def downstreams(process: Process) -> list[Peer]:
    """By the address that is called."""
    return _peers(process, HTTP_CLIENT_REQUEST_DURATION.name, _client, CALLED)


def routes_served(process: Process) -> list[Peer]:
    """By method and route."""
    return _peers(process, HTTP_SERVER_REQUEST_DURATION.name, _server, SERVED)


def route_templates(process: Process) -> list[str]:
    """The routes that were served, without their methods."""
    names = (peer.name.partition(" ")[2] for peer in routes_served(process))
    return sorted({name for name in names if name != NO_ROUTE})


def breakers(process: Process) -> list[dict[str, Any]]:
    """Each circuit breaker with its state and its calls by outcome, the open ones first."""
    states: dict[str, float] = {}
    calls: dict[str, dict[str, int]] = {}
    for family in families(process.registry):
        for sample in family.samples:
            name = sample.labels.get("circuit_breaker_name", "")
            if sample.name == CIRCUIT_BREAKER_STATE.name:
                states[name] = sample.value
            elif sample.name == CIRCUIT_BREAKER_CALLS.name:
                calls.setdefault(name, {})[sample.labels.get("outcome", "")] = int(sample.value)
    ordered = sorted(states, key=lambda name: (-states[name], name))
    return [
        {"name": name, "state": _BREAKER_STATES.get(int(states[name]), "unknown"), "calls": calls.get(name, {})}
        for name in ordered
    ]


def _client(labels: dict[str, str]) -> tuple[str, str]:
    """The peer's name and why the call failed, "" where it did not."""
    address, port = labels.get("server_address", ""), labels.get("server_port", "")
    return f"{address}:{port}" if port else address, labels.get("error_type", "")


def _server(labels: dict[str, str]) -> tuple[str, str]:
    status = labels.get("http_response_status_code", "")
    name = f"{labels.get('http_request_method', '')} {labels.get('http_route', '') or NO_ROUTE}"
    return name, status if status >= "500" else ""


def _peers(process: Process, metric: str, split: Any, failures: Failures) -> list[Peer]:
    found: dict[str, Peer] = {}
    for family in families(process.registry):
        if family.name != metric:
            continue
        for labels, durations in histograms(family):
            name, fault = split(labels)
            peer = found.get(name)
            if peer is None:
                peer = found[name] = Peer(name, latest=failures.of(name))
            peer.durations.add(durations)
            if fault:
                key = labels.get("http_request_method", ""), fault
                peer.failed += durations.count
                peer.faults[key] = peer.faults.get(key, 0.0) + durations.count
    return sorted((peer for peer in found.values() if peer.durations.count), key=lambda peer: peer.health)


def _entry(peer: Peer, uptime_s: float) -> dict[str, Any]:
    return {
        "name": peer.name,
        "requests": int(peer.durations.count),
        "per_second": peer.durations.count / uptime_s,
        "success": peer.success,
        "failed": int(peer.failed),
        "p50_s": peer.durations.quantile(0.5),
        "p99_s": peer.durations.quantile(0.99),
        "failures": [{"method": m, "reason": reason, "count": int(n)} for (m, reason), n in _worst(peer)],
        "last_failures": [
            {
                "at": round(each.at, 3),
                "method": each.method,
                "reason": each.reason,
                "took_s": each.took_s,
                "trace_id": each.trace_id or None,
            }
            for each in peer.latest
        ],
    }


def _worst(peer: Peer) -> list[tuple[tuple[str, str], float]]:
    return sorted(peer.faults.items(), key=lambda item: -item[1])


def _uptime_s(process: Process) -> float:
    return max(1.0, time.time() - process.started_at)


def _listing(request: Request, peers: list[Peer], title: str, path: str) -> Page:
    uptime_s = _uptime_s(request.process)
    lines = [
        f"{wording.share(peer.success):>8} {wording.rate(peer.durations.count / uptime_s):>10}"
        f" p99 {wording.duration(peer.durations.quantile(0.99)):>8} {peer.name}{_last(peer)}\n"
        for peer in peers
    ]
    data = [_entry(peer, uptime_s) for peer in peers]
    return Page(title, "".join(lines) or "none yet\n", _table(peers, uptime_s, path), {title.lower(): data})


def _single(request: Request, peers: list[Peer], path: str) -> Answer:
    name = unquote(request.path.removeprefix(path))
    peer = next((each for each in peers if each.name == name), None)
    if peer is None:
        return problem(404, "Nothing here", f"There is no such name; {path} lists those there are.")
    uptime_s = _uptime_s(request.process)
    faults = "".join(
        f'<tr><td>{escape(method)}</td><td>{escape(reason)}</td><td class="number">{wording.count(number)}</td></tr>'
        for (method, reason), number in _worst(peer)
    )
    head = '<th>method</th><th>failure</th><th class="number">requests</th>'
    none = '<div class="empty"><h2>Nothing failed</h2><p>Failures are listed here by their reason.</p></div>'
    html = _table([peer], uptime_s, path) + (table(head, faults) if faults else none) + _latest_html(peer)
    return Page(peer.name, "", html, _entry(peer, uptime_s))


def _last(peer: Peer) -> str:
    """`, last failed 3 s ago: timeout`."""
    if not peer.latest:
        return ""
    latest = peer.latest[0]
    return f", last failed {wording.ago(latest.at)}: {latest.reason}"


def _latest_html(peer: Peer) -> str:
    if not peer.latest:
        return ""
    rows = "".join(
        f"<tr><td>{wording.ago(each.at)}</td><td>{escape(each.method)}</td><td>{escape(each.reason)}</td>"
        f'<td class="number">{wording.duration(each.took_s)}</td><td class="mono muted">{each.trace_id}</td></tr>'
        for each in peer.latest
    )
    head = '<th>last failures</th><th>method</th><th>failure</th><th class="number">took</th><th>trace</th>'
    return table(head, rows)


def _breakers_html(found: list[dict[str, Any]]) -> str:
    if not found:
        return ""
    rows = "".join(
        f"<tr><td>{escape(each['name'])}</td>"
        f'<td><span class="badge {_BREAKER_BADGES.get(each["state"], "")}">{each["state"]}</span></td>'
        f'<td class="muted">{escape(", ".join(f"{number:,} {kind}" for kind, number in each["calls"].items()))}</td>'
        "</tr>"
        for each in found
    )
    head = "<th>circuit breaker</th><th>state</th><th>calls</th>"
    return table(head, rows)


def _table(peers: list[Peer], uptime_s: float, path: str) -> str:
    if not peers:
        return '<div class="empty"><h2>None yet</h2><p>They appear here with their first request.</p></div>'
    slowest = max(peer.durations.quantile(0.99) for peer in peers)
    rows = "".join(_row(peer, uptime_s, path, slowest) for peer in peers)
    head = '<th>name</th><th class="number">rate</th><th class="number">success</th><th class="number median">p50</th>'
    head += '<th class="number">p99</th><th class="bar-cell"></th><th>failures</th>'
    return table(head, rows)


def _row(peer: Peer, uptime_s: float, path: str, slowest: float) -> str:
    p99 = peer.durations.quantile(0.99)
    kind = ' class="number bad"' if peer.failed else ' class="number"'
    faults = ", ".join(f"{wording.count(number)} × {reason}" for (_, reason), number in _worst(peer)[:3])
    return (
        f'<tr><td class="route"><a href="{path}{escape(quote(peer.name, safe=""))}">{escape(peer.name)}</a></td>'
        f'<td class="number">{wording.rate(peer.durations.count / uptime_s)}</td>'
        f"<td{kind}>{wording.share(peer.success)}</td>"
        f'<td class="number median">{wording.duration(peer.durations.quantile(0.5))}</td>'
        f'<td class="number">{wording.duration(p99)}</td>'
        f'<td class="bar-cell"><meter min="0" max="{slowest:.6f}" value="{p99:.6f}"></meter></td>'
        f'<td class="muted">{escape(faults)}{escape(_last(peer))}</td></tr>'
    )
