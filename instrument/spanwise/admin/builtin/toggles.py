"""The service's toggles, in twitter-server's shape, and their shares changed for a while."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import Any

from spanwise.admin.changing import change, change_of, countdown, done, ttl_field
from spanwise.admin.messages import Answer, Page, Request, Response, Tier
from spanwise.admin.parameters import ttl
from spanwise.admin.rendering import json_response
from spanwise.admin.routes import UNLISTED, route
from spanwise.admin.tables import table
from spanwise.toggles import Toggle
from spanwise.toggles import toggles as declared

_PATH = "/admin/toggles"


@route(_PATH, title="Toggles", group="Process Info")
def toggles(request: Request) -> Page:
    """Every toggle with the share in force and where it comes from."""
    return _page(request, declared())


@route(f"{_PATH}/*", title="A toggle", group=UNLISTED, example=f"{_PATH}/checkout")
def some_toggles(request: Request) -> Answer:
    """The toggles of one library, or one toggle: `/admin/toggles/LIBRARY[/ID]`."""
    found = _at(request.path)
    return _page(request, found) if found else _errors(404, "There is no such library or toggle.")


@route(
    f"{_PATH}/*",
    title="Set a toggle",
    group=UNLISTED,
    every_worker=True,
    tier=Tier.MUTATING,
    methods=("PUT", "POST", "DELETE"),
    parameters=("fraction=0.5", "ttl=10m"),
    example=f"{_PATH}/checkout/new_flow?fraction=0.5&ttl=1h",
)
def set_toggle(request: Request) -> Answer:
    """PUT (or POST) sets the share of one toggle for a while, DELETE takes that back: `/admin/toggles/LIBRARY/ID`."""
    found = _at(request.path)
    if not found:
        return _errors(404, "There is no such toggle.")
    if len(found) != 1 or _rest(request.path).count("/") == 0:
        return _errors(400, "Name one toggle: /admin/toggles/LIBRARY/ID.")
    [toggle] = found
    if request.method == "DELETE" or request.parameter("fraction") == "null":
        request.process.changes.undo(_key(toggle))
        return done(request, f"{toggle.id} is {toggle.fraction:g} again", _PATH, {"fraction": toggle.fraction})
    text = request.parameter("fraction") or ""
    try:
        fraction = float(text)
    except ValueError:
        fraction = -1.0
    if not 0 <= fraction <= 1:
        return _errors(400, f"fraction={text[:40]!r} is not a number from 0 to 1.")
    before = toggle.fraction
    change(
        request,
        _key(toggle),
        f"{fraction:g}",
        do=lambda: toggle.set_fraction(fraction),
        undo=lambda: toggle.set_fraction(before),
        ttl_s=ttl(request),
    )
    return done(request, f"{toggle.id} is {fraction:g}", _PATH, {"fraction": fraction})


def _key(toggle: Toggle) -> str:
    return f"toggle {toggle.id}"


def _rest(path: str) -> str:
    return path.removeprefix(f"{_PATH}/").strip("/")


def _at(path: str) -> list[Toggle]:
    """`/admin/toggles/LIBRARY` or `/admin/toggles/LIBRARY/ID`, the ID with or without its library."""
    library, _, name = _rest(path).partition("/")
    return [
        each for each in declared() if each.library == library and name in ("", each.id, each.id.rpartition(".")[2])
    ]


def _errors(status: int, *errors: str) -> Response:
    return json_response({"errors": list(errors)}, status=status)


def _page(request: Request, found: list[Toggle]) -> Page:
    libraries = [
        {"libraryName": name, "toggles": [_entry(request, each) for each in members]}
        for name, members in groupby(found, key=lambda each: each.library)
    ]
    return Page("Toggles", "", _html(request, found), {"libraries": libraries})


def _entry(request: Request, toggle: Toggle) -> dict[str, Any]:
    components = [{"source": "declared", "fraction": toggle.declared}]
    if change_of(request, _key(toggle)) is not None:
        components.insert(0, {"source": "admin", "fraction": toggle.fraction})
    current = {"id": toggle.id, "fraction": toggle.fraction, "description": toggle.description}
    if toggle.last is not None:
        current["lastValue"] = toggle.last
    return {"current": current, "components": components}


def _html(request: Request, found: list[Toggle]) -> str:
    if not found:
        hint = "spanwise.toggle(&quot;checkout.new_flow&quot;, fraction=0.1, description=&quot;...&quot;)"
        return f'<div class="empty"><h2>There are no toggles</h2><p>Declare one: <code>{hint}</code></p></div>'
    rows = "".join(_row(request, each) for each in found)
    head = '<th>toggle</th><th>what it does</th><th class="number">share</th><th></th>'
    return table(head, rows)


def _row(request: Request, toggle: Toggle) -> str:
    active = change_of(request, _key(toggle))
    action = f"{_PATH}/{escape(toggle.library)}/{escape(toggle.id)}"
    field = (
        f'<input name="fraction" type="number" min="0" max="1" step="any" value="{toggle.fraction:g}" required'
        f' aria-label="Share of {escape(toggle.id)}">{ttl_field()}'
        '<button class="button button-small" type="submit">Set</button>'
    )
    back = '<input type="hidden" name="fraction" value="null"><button class="button button-small">Take back</button>'
    shown = f"{countdown(active)} " if active is not None else ""
    form = back if active is not None else field
    return (
        f'<tr><td class="mono">{escape(toggle.id)}</td><td>{escape(toggle.description)}</td>'
        f'<td class="number">{toggle.fraction:g}</td>'
        f'<td class="row-actions">{shown}<form method="post" action="{action}">{form}</form></td></tr>'
    )
