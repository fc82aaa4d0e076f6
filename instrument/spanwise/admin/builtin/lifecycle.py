"""Where the process stands, and the ways to end it: each can be looked at before it is done."""

from __future__ import annotations

from html import escape
from typing import Any

from spanwise.admin import ending
from spanwise.admin.changing import done
from spanwise.admin.messages import Answer, Invalid, Page, Request, Response, Tier
from spanwise.admin.parameters import duration_s
from spanwise.admin.routes import route
from spanwise.admin.templates import template

_LONGEST_GRACE_S = 86400.0
_NO_RESTART = "No process manager that would start this service again was found (gunicorn, uWSGI): it was left running."
_ABORT_STEPS = ("this process is gone at once, with its requests in flight and the spans that wait",)


@route(
    "/admin/lifecycle",
    title="Life cycle",
    group="Utilities",
    parameters=("grace=30s",),
    example="/admin/lifecycle?grace=30s",
)
def lifecycle(request: Request) -> Page:
    """The state, and what drain, shutdown, abort and restart would do now; nothing is done."""
    state = request.process.health.lifecycle
    grace, _ = _grace(request)
    plan = ending.plan(request.process, grace)
    manager = ending.restart_by()
    acts: dict[str, Any] = {
        "drain": [plan.steps[0], "the process keeps running and answering until it is resumed or ended"],
        "shutdown": list(plan.steps),
        "abort": list(_ABORT_STEPS),
        "restart": [manager.reloads_by] if manager is not None else [_NO_RESTART],
    }
    data = {
        "state": state.state.value,
        "ending": state.ending,
        "warming": list(state.warming),
        "in_flight": plan.in_flight,
        "managed_by": plan.managed_by or None,
        "would": acts,
    }
    text = f"state: {state.state.value}, {plan.in_flight} in flight\n" + "".join(
        f"{name}: {'; '.join(steps)}\n" for name, steps in acts.items()
    )
    return Page("Life cycle", text, _html(request, acts, manager is not None), data)


@route(
    "/quitquitquit",
    title="Quit Server",
    group="Misc",
    tier=Tier.MUTATING,
    methods=("POST",),
    parameters=("grace=30s",),
    example="/quitquitquit?grace=30s",
)
def quitquitquit(request: Request) -> Response:
    """Ends the service gracefully: not ready, then the drain delay, then at most `grace` for requests in flight."""
    grace, wrong = _grace(request)
    if wrong is not None:
        return Response(400, body=f"could not parse 'grace' parameter: {wrong} is not a valid duration".encode())
    ending.quit_gracefully(request.process, grace)
    return Response(body=b"quitting\n")


@route(
    "/admin/shutdown",
    title="Shutdown",
    group="Utilities",
    tier=Tier.MUTATING,
    methods=("POST",),
    parameters=("grace=30s",),
    example="/admin/shutdown?grace=30s",
)
def shutdown(request: Request) -> Response:
    """The same as `/quitquitquit`."""
    return quitquitquit(request)


@route("/abortabortabort", title="Abort Server", group="Misc", tier=Tier.MUTATING, methods=("POST",))
def abortabortabort(_request: Request) -> Response:
    """Ends this process at once: requests in flight and waiting spans are lost."""
    ending.abort()
    return Response(body=b"aborting\n")


@route(
    "/admin/drain",
    title="Drain",
    group="Utilities",
    every_worker=True,
    tier=Tier.MUTATING,
    methods=("POST",),
    parameters=("off=true",),
)
def drain(request: Request) -> Answer:
    """Makes the service not ready and leaves it running, as before a node is emptied; `off` makes it ready again."""
    state = request.process.health.lifecycle
    if request.parameter("off") in ("", "1", "true"):
        if not state.resume():
            raise Invalid("The service is ending already.")
        return done(request, "resumed", "/admin/lifecycle", {"state": state.state.value})
    state.drain()
    return done(request, "draining", "/admin/lifecycle", {"state": state.state.value})


@route("/admin/restart", title="Restart", group="Utilities", tier=Tier.MUTATING, methods=("POST",))
def restart(request: Request) -> Answer:
    """Has the process manager (gunicorn, uWSGI) start the service anew; refused where there is none."""
    manager = ending.restart_by()
    if manager is None or manager.reload is None:
        return Page("Nobody would start it again", f"{_NO_RESTART}\n", status=409)
    manager.reload()
    return done(request, f"restarting: {manager.reloads_by}", "/admin/lifecycle")


def _grace(request: Request) -> tuple[float | None, str | None]:
    """The grace in seconds, None where none is given, and the text that is not a duration."""
    text = request.parameter("grace")
    if text is None or text == "":
        return None, None
    try:
        seconds = duration_s(text)
    except ValueError:
        return None, _shown(text)
    return (seconds, None) if seconds <= _LONGEST_GRACE_S else (None, _shown(text))


def _shown(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text[:60])


def _html(request: Request, acts: dict[str, list[str]], can_restart: bool) -> str:
    state = request.process.health.lifecycle
    steps = {name: "".join(f"<li>{escape(step)}</li>" for step in listed) for name, listed in acts.items()}
    draining = state.state.value == "draining"
    return template("lifecycle.html").substitute(
        state=state.state.value,
        badge={"ready": "success"}.get(state.state.value, "warning"),
        warming=escape(f"Warming up: {', '.join(state.warming)}." if state.warming else ""),
        drain_label="Resume" if draining else "Drain",
        drain_value='<input type="hidden" name="off" value="true">' if draining else "",
        grace=f"{request.process.settings['SPANWISE_ADMIN_GRACE']:g}s",
        restart_disabled="" if can_restart else " disabled",
        **steps,
    )
