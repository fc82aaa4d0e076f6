"""What probes ask. These handlers only read what is known and answer at once, on threads kept for them."""

from __future__ import annotations

import time
from html import escape
from typing import Any

from spanwise.admin import wording
from spanwise.admin.messages import Page, Request, Response, Tier
from spanwise.admin.rendering import problem
from spanwise.admin.routes import UNLISTED, route
from spanwise.admin.tables import table
from spanwise.health import Health, Kind, Result, State, Verdict, any_failing

_HEALTH_TEXTS = {State.STARTING: "warming up\n", State.READY: "OK\n", State.DRAINING: "draining\n"}
_BADGES = {Verdict.PASSING: "badge-success", Verdict.FAILING: "badge-danger", Verdict.WAITING: "badge-warning"}


@route("/admin/ping", title="Ping", group="Utilities", tier=Tier.OPEN, probe=True)
def ping(_request: Request) -> Response:
    """`pong`, without a line end."""
    return Response(body=b"pong")


@route("/health", title="Health", group="Misc", tier=Tier.OPEN, probe=True)
def health(request: Request) -> Response:
    """`OK`, or 503 with `warming up` or `draining`."""
    state = request.process.health.lifecycle.state
    return Response(200 if state is State.READY else 503, body=_HEALTH_TEXTS[state].encode())


@route(
    "/health/*",
    title="Health of a group",
    group=UNLISTED,
    tier=Tier.OPEN,
    parameters=("verbose",),
    probe=True,
    example="/health/storage?verbose",
)
def health_group(request: Request) -> Page:
    """`/health/GROUP`: 200 while every critical check of the group passes, else 503."""
    name = request.path.removeprefix("/health/")
    results = request.process.health.group(name)
    if not results:
        return problem(404, "Nothing here", "No check is in such a group: @spanwise.readiness(name, groups=(group,)).")
    good = all(result.verdict is Verdict.PASSING for result in results if result.critical)
    return _report(f"health of {name}", good, results, request, f"Health of {name}")


@route(
    "/startupz",
    title="Startup",
    group="Misc",
    tier=Tier.OPEN,
    parameters=("verbose",),
    probe=True,
    example="/startupz?verbose",
)
def startupz(request: Request) -> Page:
    """200 from the moment the service was ready for the first time, 503 before; for startup probes."""
    process_health = request.process.health
    results = process_health.results(Kind.READINESS)
    return _report("startupz", process_health.has_started(), results, request, "Startup")


@route(
    "/livez",
    title="Liveness",
    group="Misc",
    tier=Tier.OPEN,
    parameters=("verbose",),
    probe=True,
    example="/livez?verbose",
)
def livez(request: Request) -> Page:
    """200 while nothing is wrong that only a restart can mend and no event loop is stuck; `verbose` names checks."""
    process_health = request.process.health
    results = process_health.results(Kind.LIVENESS)
    beat = _heartbeat(process_health)
    if beat is not None:
        results = (beat, *results)
    return _report("livez", not any_failing(results), results, request, "Liveness")


@route(
    "/readyz",
    title="Readiness",
    group="Misc",
    tier=Tier.OPEN,
    parameters=("verbose",),
    probe=True,
    example="/readyz?verbose",
)
def readyz(request: Request) -> Page:
    """200 when requests may be sent here, else 503; `verbose` names each check with its age."""
    process_health = request.process.health
    results = process_health.results(Kind.READINESS)
    return _report("readyz", process_health.ready(results), results, request, "Readiness")


def _heartbeat(process_health: Health) -> Result | None:
    """The event loop's pulse as one more check; None where there is no event loop."""
    age_s = process_health.heartbeat.age_s
    if age_s is None:
        return None
    stuck = process_health.heartbeat.missed
    verdict = Verdict.FAILING if stuck else Verdict.PASSING
    return Result("event loop", Kind.LIVENESS, verdict, "stuck" if stuck else "", time.monotonic() - age_s)


def _report(name: str, good: bool, results: tuple[Result, ...], request: Request, title: str) -> Page:
    lifecycle = request.process.health.lifecycle
    state = lifecycle.state
    if good and not request.flag("verbose"):
        text = "ok\n"
    else:
        warming = f" ({', '.join(lifecycle.warming)})" if lifecycle.warming else ""
        lines = [f"state: {state.value}{warming}", *(_line(result) for result in results)]
        text = "\n".join([*lines, f"{name} check {'passed' if good else 'failed'}", ""])
    data: dict[str, Any] = {
        "status": "ok" if good else "failing",
        "state": state.value,
        "checks": [_entry(each) for each in results],
    }
    data["warming"] = list(lifecycle.warming)
    return Page(title, text, _html(good, state, title, results), data, 200 if good else 503)


def _line(result: Result) -> str:
    mark = {Verdict.PASSING: "[+]", Verdict.FAILING: "[-]", Verdict.WAITING: "[ ]"}[result.verdict]
    return f"{mark}{result.name} {_explained(result)}"


def _explained(result: Result) -> str:
    if result.age_s is None:
        return "not checked yet"
    failed = f": {result.fault}" if result.fault else ""
    optional = "" if result.critical else ", not critical"
    return f"{result.verdict.value}{failed} ({result.age_s:.1f} s ago{optional})"


def _entry(result: Result) -> dict[str, Any]:
    age_s = result.age_s
    return {
        "name": result.name,
        "state": result.verdict.value,
        "fault": result.fault or None,
        "age_s": None if age_s is None else round(age_s, 3),
        "duration_s": None if result.duration_s is None else round(result.duration_s, 6),
        "failures_in_a_row": result.failures_in_a_row,
        "critical": result.critical,
        "groups": list(result.groups),
    }


def _html(good: bool, state: State, title: str, results: tuple[Result, ...]) -> str:
    verdict = f'<span class="badge badge-{"success" if good else "danger"}">{"ok" if good else "failing"}</span>'
    summary = f'<div class="banner">{verdict} The service is {escape(state.value)}.</div>'
    if not results:
        kind = "liveness" if title == "Liveness" else "readiness"
        hint = f'@spanwise.{kind}("name")'
        none = f"There are no {kind} checks."
        return f'{summary}<div class="empty"><h2>{none}</h2><p>Declare one: <code>{escape(hint)}</code></p></div>'
    rows = "".join(_row(result) for result in results)
    head = '<th>check</th><th>state</th><th>fault</th><th class="number">checked ago</th><th class="number">took</th>'
    return summary + table(head, rows)


def _row(result: Result) -> str:
    verdict = f'<span class="badge {_BADGES[result.verdict]}">{result.verdict.value}</span>'
    optional = "" if result.critical else ' <span class="muted">not critical</span>'
    return (
        f"<tr><td>{escape(result.name)}{optional}</td><td>{verdict}</td><td>{escape(result.fault)}</td>"
        f'<td class="number">{_seconds(result.age_s)}</td><td class="number">{_seconds(result.duration_s)}</td></tr>'
    )


def _seconds(value: float | None) -> str:
    return wording.NONE if value is None else wording.duration(value)
