"""The requests that were answered last."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from spanwise.admin import wording
from spanwise.admin.merge import lists
from spanwise.admin.messages import Page, Request
from spanwise.admin.parameters import whole
from spanwise.admin.routes import route
from spanwise.admin.tables import table
from spanwise.diagnosis.exchanges import Exchange, exchanges

_MOST = 200


def _text(entries: Iterable[dict[str, Any]]) -> str:
    lines = []
    for each in entries:
        trace = f" trace {each['trace_id']}" if each["trace_id"] else ""
        worker = f" in worker {each['worker']}" if "worker" in each else ""
        lines.append(
            f"{wording.ago(each['at']):>14} {each['status'] or '-':>3} {wording.duration(each['took_ms'] / 1000):>8}"
            f" {each['method']} {each['path']}{trace}{worker}\n"
        )
    return "".join(lines) or "none\n"


@route(
    "/admin/exchanges",
    title="Recent requests",
    group="Process Info",
    parameters=("route=…", "failed=true", "n=50"),
    example="/admin/exchanges?failed=true",
    merge=lists("Recent requests", "exchanges", lambda each: -each["at"], _text, lambda entries: _html(entries)),
)
def recent(request: Request) -> Page:
    """The last 200 requests that were answered, newest first, without queries, headers and bodies."""
    most = whole(request, "n", _MOST, 1, _MOST)
    wanted = request.parameter("route")
    found = [each for each in exchanges() if not request.flag("failed") or each.failed]
    found = [each for each in found if wanted in (None, "", each.route)][:most]
    entries = [_data(each) for each in found]
    html = _html(entries) if request.wants_html else ""
    return Page("Recent requests", _text(entries), html, {"exchanges": entries})


def _data(each: Exchange) -> dict[str, Any]:
    return {
        "at": round(each.at, 3),
        "method": each.method,
        "path": each.path,
        "route": each.route or None,
        "status": int(each.status) if each.status.isdecimal() else None,
        "took_ms": round(each.took_s * 1000, 3),
        "trace_id": each.trace_id or None,
    }


def _html(entries: list[dict[str, Any]]) -> str:
    if not entries:
        why = "<p>The last 200 that this process has answered are listed here.</p>"
        return f'<div class="empty"><h2>No such request</h2>{why}</div>'
    head = '<th class="number">answered</th><th>status</th><th class="number">took</th><th>request</th><th>route</th>'
    return table(f"{head}<th>trace</th>", "".join(map(_row, entries)))


def _row(each: dict[str, Any]) -> str:
    status = each["status"] or 0
    kind = "badge-danger" if status >= 500 else "badge-warning" if status >= 400 else ""
    worker = f' <span class="badge">{each["worker"]}</span>' if "worker" in each else ""
    return (
        f'<tr><td class="number">{wording.ago(each["at"])}</td>'
        f'<td><span class="badge {kind}">{each["status"] or "none"}</span></td>'
        f'<td class="number">{wording.duration(each["took_ms"] / 1000)}</td>'
        f'<td class="mono"><span class="method">{escape(each["method"])}</span> {escape(each["path"])}{worker}</td>'
        f'<td class="muted">{escape(each["route"] or "")}</td><td class="mono muted">{each["trace_id"] or ""}</td></tr>'
    )
