"""Who changed what through the admin interface."""

from __future__ import annotations

import time
from html import escape
from typing import Any

from spanwise.admin.audit import MOST_KEPT, Entry
from spanwise.admin.messages import Page, Request
from spanwise.admin.routes import route
from spanwise.admin.templates import template


@route("/admin/audit", title="Audit", group="Process Info")
def audit(request: Request) -> Page:
    """The latest changes made here and the latest that were refused, newest first."""
    kept = request.process.audit
    changes, refusals = kept.changes, kept.refusals
    data = {"changes": [_entry(each) for each in changes], "refused": [_entry(each) for each in refusals]}
    text = "".join(f"{_when(each)} {each.status} {each.line} from {each.peer} ({each.by})\n" for each in changes)
    html = template("audit.html").substitute(
        changes=_table(changes, "Nothing was changed", "Each change made through these pages is listed here."),
        refusals=_table(refusals, "Nothing was refused", "Attempts without the right to make them are listed here."),
        most=MOST_KEPT,
    )
    return Page("Audit", text or "nothing was changed\n", html, data)


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "at": _when(entry),
        "method": entry.method,
        "path": entry.path,
        "parameters": dict(entry.parameters),
        "peer": entry.peer,
        "by": entry.by or None,
        "status": entry.status,
    }


def _when(entry: Entry) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry.at))


def _table(entries: list[Entry], none: str, explained: str) -> str:
    if not entries:
        return f'<div class="empty"><h2>{none}</h2><p>{explained}</p></div>'
    rows = "".join(
        f"<tr><td>{_when(each)}</td><td><code>{escape(each.line)}</code></td><td>{escape(each.peer)}</td>"
        f'<td>{escape(each.by or "not trusted")}</td><td class="number">{each.status}</td></tr>'
        for each in entries
    )
    head = '<th>when</th><th>what</th><th>from</th><th>let in by</th><th class="number">status</th>'
    return f'<div class="table-scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
