"""The routes that the application declares."""

from __future__ import annotations

from html import escape
from typing import Any

from spanwise.admin import wording
from spanwise.admin.builtin.traffic import routes_served
from spanwise.admin.messages import Page, Request
from spanwise.admin.routes import route
from spanwise.admin.tables import table
from spanwise.diagnosis.app_routes import AppRoute, app_routes


@route("/admin/routes", title="Routes declared", group="Process Info")
def declared(request: Request) -> Page:
    """Every route of the Flask, Starlette, FastAPI or Django application with its requests, also those without any."""
    counts = {peer.name: int(peer.durations.count) for peer in routes_served(request.process)}
    entries = [_entry(each, counts) for each in app_routes(_application())]
    text = "".join(
        f"{each['requests']:>10,} {','.join(each['methods']) or 'any'} {each['route']} {each['handler']}\n"
        for each in entries
    )
    html = _html(entries) if request.wants_html else ""
    return Page("Routes declared", text or "no routes are known\n", html, {"routes": entries})


def _application() -> object:
    from spanwise import service

    current = service.current()
    return None if current is None else current.app


def _entry(each: AppRoute, counts: dict[str, int]) -> dict[str, Any]:
    served = (
        count
        for name, count in counts.items()
        if name.partition(" ")[2] == each.template and (not each.methods or name.partition(" ")[0] in each.methods)
    )
    return {
        "route": each.template,
        "methods": list(each.methods),
        "handler": each.handler,
        "requests": sum(served),
    }


def _html(entries: list[dict[str, Any]]) -> str:
    if not entries:
        why = "They are read from a Flask, Starlette, FastAPI or Django application that is instrumented."
        return f'<div class="empty"><h2>No routes are known</h2><p>{why}</p></div>'
    rows = "".join(
        f'<tr><td class="mono"><span class="method">{escape(", ".join(each["methods"]) or "any")}</span>'
        f' {escape(each["route"])}</td><td class="number">{wording.count(each["requests"])}</td>'
        f'<td class="muted">{escape(each["handler"])}</td></tr>'
        for each in entries
    )
    head = '<th>route</th><th class="number">requests</th><th>handler</th>'
    return table(head, rows)
