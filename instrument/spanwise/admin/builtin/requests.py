"""What is being answered right now."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from spanwise.admin import wording
from spanwise.admin.merge import lists
from spanwise.admin.messages import Page, Request
from spanwise.admin.routes import route
from spanwise.admin.stacks_html import folded, from_lines, stack_lines
from spanwise.diagnosis.in_flight import InFlight, in_flight
from spanwise.diagnosis.where import culprit, place


def _shown(entries: Iterable[dict[str, Any]]) -> str:
    lines = [
        f"{each['method']} {each['route'] or each['path']} {wording.duration(each['age_ms'] / 1000)}"
        f" in worker {each['worker']}" + (f" trace {each['trace_id']}" if each["trace_id"] else "")
        for each in entries
    ]
    return "\n".join([f"{len(lines)} requests in flight", *lines, ""])


def _from_data(each: dict[str, Any]) -> InFlight:
    """A request of another worker."""
    return InFlight(
        method=each["method"],
        path=each["path"],
        route=each["route"] or "",
        age_s=each["age_ms"] / 1000,
        trace_id=each["trace_id"] or "",
        sampled=each["sampled"],
        thread=int(each["thread"]),
        task=each["task"] or "",
        stack=from_lines(each["stack"]),
    )


_MERGE = lists(
    "Requests in flight",
    "requests",
    lambda each: -each["age_ms"],
    _shown,
    lambda entries: _html([_from_data(each) for each in entries]),
)


@route("/admin/requests", title="Requests in flight", group="Process Info", merge=_MERGE)
def requests(request: Request) -> Page:
    """Requests that are being answered, oldest first: age, route, trace id, thread or task, and the live stack."""
    live = in_flight()
    html = _html(live) if request.wants_html else ""
    data = {"requests": [_data(each) for each in live]}
    return Page("Requests in flight", _text(live), html, data, stylesheets=("inspect.css",))


def _data(each: InFlight) -> dict[str, Any]:
    return {
        "method": each.method,
        "path": each.path,
        "route": each.route or None,
        "age_ms": round(each.age_s * 1000, 3),
        "trace_id": each.trace_id or None,
        "sampled": each.sampled,
        "thread": str(each.thread),
        "task": each.task or None,
        "stack": stack_lines(each.stack),
    }


def _text(live: list[InFlight]) -> str:
    parts = [f"{len(live)} requests in flight"]
    for each in live:
        trace = f" trace {each.trace_id}" if each.trace_id else ""
        parts.append(f"\n{each.method} {each.route or each.path} {wording.duration(each.age_s)}{trace}")
        parts += [f"    at {frame}" for frame in each.stack]
    return "\n".join(parts) + "\n"


def _html(live: list[InFlight]) -> str:
    if not live:
        return '<div class="empty"><h2>No request is being answered</h2><p>Load this page again while one is.</p></div>'
    return "".join(_row(each) for each in live)


def _row(each: InFlight) -> str:
    own = culprit(each.stack)
    where = f'<span class="thread-place mono muted">{escape(place(own))}</span>' if own is not None else ""
    trace = (
        f'<span class="badge{" badge-accent" if each.sampled else ""}">{each.trace_id}</span>' if each.trace_id else ""
    )
    summary = (
        f'<span class="method">{escape(each.method)}</span><span class="thread-name">{escape(each.route or each.path)}'
        f"</span>{trace}{where}"
        f'<span class="thread-cpu number">{wording.duration(each.age_s)}</span>'
    )
    return f'<section class="card thread">{folded(summary, each.stack)}</section>'
