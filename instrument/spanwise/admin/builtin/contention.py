"""Who waits for locks, and who holds them."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from spanwise.admin.messages import Page, Request
from spanwise.admin.routes import route
from spanwise.admin.stacks_html import folded
from spanwise.diagnosis.threads import ThreadDump, ThreadLook, look
from spanwise.profiling.locks import held_rlocks, tracking

_HINT = "Locks are not tracked: only RLocks name their owners. Call spanwise.track_locks() at start to see the others."


@route("/admin/contention", title="Contention", group="Performance Profile")
def contention(request: Request) -> Page:
    """Deadlocks, threads that wait for tracked locks, and who holds locks."""
    dump = look()
    blocked = [each for each in dump.threads if each.waiting_on]
    owners = _owners(dump, blocked)
    html = _html(dump, blocked, owners) if request.wants_html else ""
    return Page("Contention", _text(dump, blocked, owners), html, stylesheets=("inspect.css",))


def _owners(dump: ThreadDump, blocked: Iterable[ThreadLook]) -> list[str]:
    """A line for each holder of a lock that somebody waits for, then for each held RLock of Python's own."""
    tracked = [
        f"{dump.named(each.lock_owner)} holds {each.waiting_on}" for each in blocked if each.lock_owner is not None
    ]
    plain = [f"{dump.named(held.owner)} holds an RLock, {held.depth} deep" for held in held_rlocks()]
    return list(dict.fromkeys([*tracked, *plain]))


def _text(dump: ThreadDump, blocked: list[ThreadLook], owners: list[str]) -> str:
    """twitter-server's blocks."""
    parts = []
    if dump.deadlocks:
        circles = (" -> ".join(dump.named(ident) for ident in (*circle, circle[0])) for circle in dump.deadlocks)
        parts.append("DEADLOCKS:\n\n" + "\n".join(circles) + "\n\n")
    waits = (
        "\n".join([f'"{each.name}" waits for {each.waiting_on}', *(f"    at {frame}" for frame in each.stack)])
        for each in blocked
    )
    parts.append("Blocked:\n" + "\n".join(waits) + "\n\nLock Owners:\n" + "\n".join(owners))
    if not tracking():
        parts.append(f"\n\n{_HINT}")
    return "".join(parts) + "\n"


def _html(dump: ThreadDump, blocked: list[ThreadLook], owners: list[str]) -> str:
    parts = []
    for circle in dump.deadlocks:
        names = " → ".join(escape(dump.named(ident)) for ident in (*circle, circle[0]))
        parts.append(f'<div class="banner banner-danger"><strong>Deadlock</strong> {names}</div>')
    if not tracking():
        parts.append(f'<div class="banner"><span>{escape(_HINT)}</span></div>')
    parts.append(f"<h2>Blocked ({len(blocked)})</h2>")
    for each in blocked:
        summary = f'<span class="thread-name">{escape(each.name)}</span> waits for {escape(each.waiting_on)}'
        parts.append(f'<section class="card thread">{folded(summary, each.stack, opened=True)}</section>')
    if not blocked:
        parts.append('<p class="muted">No thread waits for a tracked lock.</p>')
    listed = "".join(f"<li>{escape(owner)}</li>" for owner in owners)
    parts.append(f"<h2>Lock owners ({len(owners)})</h2>")
    parts.append(f'<ul class="plain-list">{listed}</ul>' if owners else '<p class="muted">None that are known.</p>')
    parts.append('<p><a href="/admin/flamegraph?kind=contention">Lock waits as a flamegraph</a></p>')
    return "".join(parts)
