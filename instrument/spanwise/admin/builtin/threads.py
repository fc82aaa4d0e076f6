"""What each thread does."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from html import escape
from typing import Any

from spanwise.admin.merge import Answers, Merge, sections
from spanwise.admin.messages import Page, Request
from spanwise.admin.routes import route
from spanwise.admin.stacks_html import folded, from_lines, stack_lines
from spanwise.diagnosis.threads import ThreadDump, ThreadLook, look
from spanwise.diagnosis.where import culprit, place
from spanwise.profiling.locks import tracking
from spanwise.profiling.stacks import OWN_PREFIX

_BADGES = {"RUNNABLE": "badge-accent", "BLOCKED": "badge-danger", "TIMED_WAITING": "badge-warning", "WAITING": ""}


def _join(_request: Request, answers: Answers) -> Page:
    dumps = {pid: _from_data(data) for pid, data in answers.items()}
    page = sections("Threads", dumps, ThreadDump.text, _cards)
    data = {
        "threads": {
            f"{pid}/{ident}": {**entry, "worker": pid}
            for pid, data in answers.items()
            for ident, entry in data["threads"].items()
        },
        "deadlocks": [
            [f"{pid}/{ident}" for ident in circle] for pid, data in answers.items() for circle in data["deadlocks"]
        ],
    }
    html = _filter(dumps.values()) + page.html
    return replace(page, html=html, data=data, stylesheets=("inspect.css",), scripts=("filter.js",))


@route("/admin/threads", title="Threads", group="Process Info", merge=Merge(_join))
def threads(request: Request) -> Page:
    """Every thread with state, processor time and stack, what works first; idle is who waits for work in two looks."""
    dump = look()
    html = _html(dump) if request.wants_html else ""
    return Page("Threads", dump.text(), html, _data(dump), stylesheets=("inspect.css",), scripts=("filter.js",))


@route("/admin/threads.json", title="Threads as JSON", group="Process Info", merge=Merge(_join))
def threads_json(_request: Request) -> dict[str, Any]:
    """The same, in twitter-server's shape and with more fields."""
    return _data(look())


def _data(dump: ThreadDump) -> dict[str, Any]:
    return {
        "threads": {str(each.ident): _entry(each) for each in dump.threads},
        "deadlocks": [[str(ident) for ident in circle] for circle in dump.deadlocks],
    }


def _entry(thread: ThreadLook) -> dict[str, Any]:
    return {
        "thread": thread.name,
        "daemon": thread.daemon,
        "state": thread.state,
        "priority": 5,  # Java's normal one; Python's threads have none
        "stack": stack_lines(thread.stack),
        "idle": thread.idle,
        "native_id": thread.native_id,
        "cpu_ms": None if thread.cpu_ms is None else round(thread.cpu_ms, 3),
        "waiting_on": thread.waiting_on or None,
        "lock_owner": None if thread.lock_owner is None else str(thread.lock_owner),
        "task": thread.task or None,
    }


def _from_data(data: Any) -> ThreadDump:
    """A dump from another worker's answer."""
    threads = tuple(_thread(int(ident), entry) for ident, entry in data["threads"].items())
    return ThreadDump(threads, tuple(tuple(map(int, circle)) for circle in data["deadlocks"]))


def _thread(ident: int, entry: dict[str, Any]) -> ThreadLook:
    owner = entry["lock_owner"]
    return ThreadLook(
        ident=ident,
        name=entry["thread"],
        daemon=entry["daemon"],
        native_id=entry["native_id"],
        state=entry["state"],
        idle=entry["idle"],
        cpu_ms=entry["cpu_ms"],
        running=None,
        stack=from_lines(entry["stack"]),
        waiting_on=entry["waiting_on"] or "",
        lock_owner=None if owner is None else int(owner),
        task=entry["task"] or "",
        own=entry["thread"].startswith(OWN_PREFIX),
    )


def _html(dump: ThreadDump) -> str:
    return _filter([dump]) + _cards(dump)


def _filter(dumps: Collection[ThreadDump]) -> str:
    """The row above all threads; idle ones are shown at once where nothing else is."""
    threads = [thread for dump in dumps for thread in dump.threads]
    busy = sum(not each.idle and not each.own for each in threads)
    hint = ""
    if not tracking():
        hint = (
            '<p class="muted">Locks are not tracked, so nobody can be named as the owner of a plain lock: call'
            " <code>spanwise.track_locks()</code> at start to see owners and deadlocks."
            ' <a href="/admin/contention">Locks</a></p>'
        )
    checked = "" if busy else " checked"
    return (
        f'{hint}<div class="form-row filter-row"><input type="search" data-filter=".thread"'
        ' placeholder="Filter by name or stack" aria-label="Filter threads">'
        f'<label><input type="checkbox" data-show="idle"{checked}> idle threads</label>'
        f'<span class="muted">{busy} of {len(threads)} at work</span></div>'
    )


def _cards(dump: ThreadDump) -> str:
    return "".join([*(_deadlock(dump, circle) for circle in dump.deadlocks), *map(_row, dump.threads)])


def _deadlock(dump: ThreadDump, circle: tuple[int, ...]) -> str:
    names = " → ".join(f'<a href="#thread-{ident}">{escape(dump.named(ident))}</a>' for ident in (*circle, circle[0]))
    return f'<div class="banner banner-danger"><strong>Deadlock</strong> {names}</div>'


def _row(thread: ThreadLook) -> str:
    own = culprit(thread.stack)
    where = escape(place(own)) if own is not None else ""
    running = "" if thread.running is None else f"{thread.running:.0%}"
    ran = "" if thread.cpu_ms is None else f"{thread.cpu_ms / 1000:.2f} s"
    badges = f'<span class="badge {_BADGES[thread.state]}">{thread.state.lower().replace("_", " ")}</span>'
    if thread.idle:
        badges = '<span class="badge">idle</span>'
    if thread.own:
        badges += '<span class="badge">spanwise</span>'
    task = f'<span class="muted">task {escape(thread.task)}</span>' if thread.task else ""
    waits = f'<p class="bad thread-waits">waits for {escape(thread.waiting_on)}</p>' if thread.waiting_on else ""
    summary = (
        f'<span class="thread-name">{escape(thread.name)}</span>{badges}{task}'
        f'<span class="thread-place mono muted">{where}</span>'
        f'<span class="thread-cpu number" title="of a processor now, and in total">{running}'
        f' <span class="muted">{ran}</span></span>'
    )
    kind = "idle" if thread.idle or thread.own else "busy"
    opened = thread.state == "BLOCKED" or (not thread.idle and not thread.own and thread.state == "RUNNABLE")
    body = folded(summary, thread.stack, opened=opened)
    return f'<section class="card thread" id="thread-{thread.ident}" data-kind="{kind}">{body}{waits}</section>'
