"""The workers of the service: who they are, and how busy."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from html import escape
from typing import Any

from spanwise.admin import wording
from spanwise.admin.messages import Page, Request
from spanwise.admin.routes import route
from spanwise.admin.spread import json_of_each
from spanwise.admin.tables import table
from spanwise.cgroup import resident_bytes
from spanwise.diagnosis.tasks import look
from spanwise.http.server import LIVE

_ASKED_ON = ("threads", "requests", "why", "tasks", "flamegraph")


@route("/admin/workers", title="Workers", group="Process Info")
def workers(request: Request) -> Page:
    """Every worker process with its age, memory, requests in flight and loop lag; the one with the port first."""
    presence = request.process.workers()
    siblings = presence.siblings() if presence is not None and request.peer != "" else []
    if presence is None or not siblings:
        own = [{**_own(request), "worker": 1, "age_s": _age_s(request), "owner": True}]
        return _page(request, own, {})
    good, failed = json_of_each(request, presence, [each.pid for each in siblings])
    rows = [
        {
            **good[each.pid]["workers"][0],
            "pid": each.pid,
            "worker": each.worker,
            "age_s": round(each.age_s, 1),
            "owner": each.owner,
        }
        for each in siblings
        if each.pid in good
    ]
    return _page(request, sorted(rows, key=lambda row: (not row["owner"], row["worker"])), failed)


def _own(request: Request) -> dict[str, Any]:
    loops = look()
    return {
        "pid": os.getpid(),
        "state": request.process.health.lifecycle.state.value,
        "rss_bytes": resident_bytes(),
        "cpu_s": round(time.process_time(), 2),
        "in_flight": len(LIVE),
        "loop_lag_s": max((loop.blocked_s or loop.answer_s for loop in loops), default=None),
    }


def _age_s(request: Request) -> float:
    return round(max(0.0, time.time() - request.process.started_at), 1)


def _page(request: Request, rows: list[dict[str, Any]], failed: dict[int, str]) -> Page:
    text = "".join(
        f"{row['pid']:>8} {row['state']:<9} age {wording.duration(row['age_s']):<12}"
        f" {wording.size(row['rss_bytes']):>8} {row['in_flight']} in flight{' owner' if row['owner'] else ''}\n"
        for row in rows
    )
    text += "".join(f"{pid:>8} has not answered: {why}\n" for pid, why in failed.items())
    data: dict[str, Any] = {"workers": rows}
    if failed:
        data["failed_workers"] = {str(pid): why for pid, why in failed.items()}
    page = Page("Workers", text, _html(rows, failed) if request.wants_html else "", data)
    return replace(
        page, subtitle="One of them has the admin port and asks the others; another takes over when it ends."
    )


def _html(rows: list[dict[str, Any]], failed: dict[int, str]) -> str:
    body = "".join(_row(row, alone=len(rows) == 1) for row in rows)
    body += "".join(
        f'<tr><td class="number">{pid}</td><td colspan="7" class="bad">{escape(why)}</td></tr>'
        for pid, why in failed.items()
    )
    head = '<th class="number">pid</th><th>state</th><th class="number">age</th><th class="number">memory</th>'
    head += (
        '<th class="number">processor</th><th class="number">in flight</th><th class="number">loop lag</th><th></th>'
    )
    every = "".join(f'<a class="button" href="/admin/{name}?worker=all">{name}</a>' for name in _ASKED_ON[:3])
    together = f'<p class="form-row">Of all together: {every}</p>' if len(rows) > 1 else ""
    return table(head, body) + together


def _row(row: dict[str, Any], *, alone: bool) -> str:
    badge = "badge-success" if row["state"] == "ready" else "badge-warning"
    owner = ' <span class="badge badge-accent">admin port</span>' if row["owner"] else ""
    which = "" if alone else f"?worker={row['pid']}"
    links = "".join(f'<a href="/admin/{name}{which}">{name}</a>' for name in _ASKED_ON)
    lag = wording.NONE if row["loop_lag_s"] is None else wording.duration(row["loop_lag_s"])
    return (
        f'<tr><td class="number">{row["pid"]}</td>'
        f'<td><span class="badge {badge}">{escape(row["state"])}</span>{owner}</td>'
        f'<td class="number">{wording.duration(row["age_s"])}</td>'
        f'<td class="number">{wording.size(row["rss_bytes"])}</td>'
        f'<td class="number">{wording.duration(row["cpu_s"])}</td><td class="number">{row["in_flight"]}</td>'
        f'<td class="number">{lag}</td><td class="cell-links">{links}</td></tr>'
    )
