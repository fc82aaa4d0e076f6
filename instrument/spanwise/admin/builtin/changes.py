"""What is changed for a while, and when it will be as it was."""

from __future__ import annotations

from html import escape

from spanwise.admin import wording
from spanwise.admin.changing import done
from spanwise.admin.messages import Answer, Invalid, Page, Request, Tier
from spanwise.admin.routes import UNLISTED, route
from spanwise.admin.tables import table


@route("/admin/changes", title="Changes in force", group="Utilities")
def changes(request: Request) -> Page:
    """Every change made here that will undo itself, with the time that is left."""
    active = request.process.changes.active()
    data = {
        "changes": [
            {"change": each.key, "description": each.description, "undone_in_s": round(each.left_s, 1)}
            for each in active
        ]
    }
    lines = [f"{each.key}: {each.description}, undone in {wording.duration(each.left_s)}\n" for each in active]
    if not active:
        html = '<div class="empty"><h2>Nothing is changed</h2><p>Log levels, sampling, toggles and a frozen garbage'
        html += " collector are listed here while they differ from what the service set.</p></div>"
    else:
        rows = "".join(
            f"<tr><td>{escape(each.key)}</td><td>{escape(each.description)}</td>"
            f'<td class="number">{escape(wording.duration(each.left_s))}</td><td>{_undo_form(each.key)}</td></tr>'
            for each in active
        )
        head = '<th>what</th><th>changed to</th><th class="number">back in</th><th></th>'
        html = table(head, rows)
    return Page("Changes in force", "".join(lines) or "nothing is changed\n", html, data)


@route(
    "/admin/changes",
    title="Undo a change",
    group=UNLISTED,
    every_worker=True,
    tier=Tier.MUTATING,
    methods=("POST",),
    parameters=("undo=…",),
    example="/admin/changes?undo=sampling+rate",
)
def undo(request: Request) -> Answer:
    """Undoes a change now, by the name it is listed under."""
    key = request.parameter("undo")
    if key is None or not request.process.changes.undo(key):
        raise Invalid("There is no such change in force: GET /admin/changes lists those there are, give undo=NAME.")
    return done(request, f"{key}: undone", "/admin/changes")


def _undo_form(key: str) -> str:
    return (
        f'<form method="post" action="/admin/changes"><input type="hidden" name="undo" value="{escape(key)}">'
        '<button class="button button-small" type="submit">Undo</button></form>'
    )
