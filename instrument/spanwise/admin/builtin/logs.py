"""The last lines of the service's log."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from html import escape
from typing import Any

from spanwise.admin.log_levels import LEVELS, level_number
from spanwise.admin.merge import lists
from spanwise.admin.messages import Invalid, Page, Request
from spanwise.admin.parameters import shown, whole
from spanwise.admin.routes import route
from spanwise.admin.tables import table
from spanwise.diagnosis.log_lines import KEPT, LogLine, lines

_BADGES = ((logging.ERROR, "badge-danger"), (logging.WARNING, "badge-warning"))


def _text(entries: Iterable[dict[str, Any]]) -> str:
    made = []
    for each in entries:
        worker = f" worker {each['worker']}" if "worker" in each else ""
        error = f" [{each['error']}]" if each["error"] else ""
        trace = f" [trace={each['trace_id']}]" if each["trace_id"] else ""
        made.append(f"{each['time']} {each['level']} {each['logger']}{worker}: {each['message']}{error}{trace}\n")
    return "".join(made) or "no such line\n"


@route(
    "/admin/logs",
    title="Log",
    group="Process Info",
    parameters=("n=100", "level=WARNING", "logger=…", "trace_id=…"),
    example="/admin/logs?level=WARNING&n=50",
    merge=lists("Log", "lines", lambda each: each["at"], _text, lambda entries: _html(entries)),
)
def logs(request: Request) -> Page:
    """The last 500 log lines, the newest last; of a level and above, a logger and those below it, or a trace."""
    most = whole(request, "n", KEPT, 1, KEPT)
    wanted = [each for each in lines() if _wanted(each, request)][-most:]
    entries = [_data(each) for each in wanted]
    return Page("Log", _text(entries), _html(entries) if request.wants_html else "", {"lines": entries})


def _wanted(each: LogLine, request: Request) -> bool:
    level, logger, trace_id = (request.parameter(name) for name in ("level", "logger", "trace_id"))
    lowest = level_number(level) if level else 0
    if lowest is None:
        raise Invalid(f"level={shown(level or '')} is not one of {', '.join(LEVELS)}.")
    if each.level < lowest or (trace_id and each.trace_id != trace_id):
        return False
    return not logger or each.logger == logger or each.logger.startswith(f"{logger}.")


def _data(each: LogLine) -> dict[str, Any]:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(each.at))
    return {
        "at": round(each.at, 3),
        "time": f"{seconds}.{int(each.at % 1 * 1000):03d}Z",
        "level": logging.getLevelName(each.level),
        "logger": each.logger,
        "message": each.text,
        "error": each.error or None,
        "where": each.where,
        "trace_id": each.trace_id or None,
    }


def _html(entries: list[dict[str, Any]]) -> str:
    form = (
        '<form class="card form-row" method="get" action="/admin/logs">'
        '<label>Level <select name="level"><option value="">all</option>'
        "<option>WARNING</option><option>ERROR</option></select></label>"
        '<input name="logger" type="search" placeholder="logger" aria-label="Logger">'
        '<input name="trace_id" type="search" placeholder="trace id" aria-label="Trace id">'
        '<button class="button" type="submit">Show</button></form>'
    )
    if not entries:
        return f'{form}<div class="empty"><h2>No such line</h2><p>The last {KEPT} are kept.</p></div>'
    rows = "".join(_row(each) for each in reversed(entries))
    head = '<th class="number">time (UTC)</th><th>level</th><th>logger, message</th>'
    return form + table(head, rows)


def _row(each: dict[str, Any]) -> str:
    number = level_number(each["level"]) or 0
    badge = next((name for level, name in _BADGES if number >= level), "")
    error = f' <span class="bad">{escape(each["error"])}</span>' if each["error"] else ""
    trace = f' <span class="badge">{each["trace_id"]}</span>' if each["trace_id"] else ""
    worker = f'<span class="badge">{each["worker"]}</span> ' if "worker" in each else ""
    return (
        f'<tr><td class="number muted">{each["time"][11:-1]}</td>'
        f'<td><span class="badge {badge}">{escape(each["level"])}</span></td>'
        f'<td class="log-line">{worker}'
        f'<span class="muted" title="{escape(each["where"])}">{escape(each["logger"])}</span>'
        f" {escape(each['message'])}{error}{trace}</td></tr>"
    )
