"""Exceptions that were seen."""

from __future__ import annotations

from html import escape
from typing import Any

from spanwise.admin import wording
from spanwise.admin.messages import Page, Request
from spanwise.admin.routes import route
from spanwise.admin.stacks_html import folded, stack_lines
from spanwise.diagnosis.exceptions import EXCEPTIONS, Group
from spanwise.diagnosis.where import place


@route("/admin/exceptions", title="Exceptions", group="Process Info")
def exceptions(request: Request) -> Page:
    """Exceptions that requests and threads ended with, grouped by class and line, with their last stacks."""
    groups = EXCEPTIONS.groups()
    html = _html(groups) if request.wants_html else ""
    data = {"exceptions": [_data(group) for group in groups]}
    return Page("Exceptions", _text(groups), html, data, stylesheets=("inspect.css",))


def _data(group: Group) -> dict[str, Any]:
    return {
        "type": group.kind,
        "place": str(group.place) if group.place is not None else None,
        "count": group.count,
        "first_at": group.first_at,
        "last": [
            {
                "at": seen.at,
                "message": seen.message,
                "where": seen.where,
                "trace_id": seen.trace_id or None,
                "stack": stack_lines(seen.stack),
            }
            for seen in group.last
        ],
    }


def _text(groups: list[Group]) -> str:
    if not groups:
        return "No exception was seen.\n"
    parts = []
    for group in groups:
        last = group.last[-1]
        where = f" at {place(group.place)}" if group.place is not None else ""
        parts.append(f"{group.count} x {group.kind}{where}, last {wording.ago(last.at)}")
        parts.append(f"    {last.where}: {last.message}")
        parts += [f"    at {frame}" for frame in last.stack]
    return "\n".join(parts) + "\n"


def _html(groups: list[Group]) -> str:
    if not groups:
        why = "Noted are those that a request or a thread ended with."
        return f'<div class="empty"><h2>No exception was seen</h2><p>{why}</p></div>'
    return "".join(_group(group) for group in groups)


def _group(group: Group) -> str:
    where = f'<span class="thread-place mono muted">{escape(place(group.place))}</span>' if group.place else ""
    head = (
        f'<h2 class="group-head"><span class="bad">{escape(group.kind)}</span>'
        f'<span class="badge">{group.count:,} times</span>{where}</h2>'
    )
    occurrences = "".join(
        folded(
            f'<span class="muted">{wording.ago(seen.at)}</span> {escape(seen.where)}'
            f" <span>{escape(seen.message)}</span>",
            seen.stack,
        )
        for seen in reversed(group.last)
    )
    return f'<section class="card">{head}{occurrences}</section>'
