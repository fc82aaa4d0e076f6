"""What asyncio's tasks do and wait for."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from spanwise.admin import wording
from spanwise.admin.messages import Page, Request
from spanwise.admin.routes import route
from spanwise.admin.stacks_html import folded, stack_html, stack_lines
from spanwise.diagnosis.blocks import blocked_by, blocks
from spanwise.diagnosis.tasks import LoopLook, TaskLook, look, tree
from spanwise.diagnosis.where import culprit, place

if TYPE_CHECKING:
    from spanwise.event_loop import Block

_NONE = "No event loop runs tasks in this process.\n"


@route("/admin/tasks", title="Tasks", group="Process Info")
def tasks(request: Request) -> Page:
    """asyncio's tasks as a tree of who awaits whom; a blocked loop's culprit is the headline, its last blocks too."""
    loops, stood = look(), blocks()[::-1]
    html = _html(loops) + _blocks_html(stood) if request.wants_html else ""
    data = {"loops": [_data(loop) for loop in loops], "blocks": [_block(each) for each in stood]}
    return Page("Tasks", _text(loops) + _blocks_text(stood), html, data, stylesheets=("inspect.css",))


def _data(loop: LoopLook) -> dict[str, Any]:
    return {
        "thread": str(loop.thread),
        "blocked": bool(loop.blocked_s),
        "blocked_ms": round(loop.blocked_s * 1000, 1),
        "answer_ms": round(loop.answer_s * 1000, 3),
        "blocking_stack": stack_lines(loop.stack),
        "tasks": [
            {
                "id": str(task.id),
                "name": task.name,
                "coroutine": task.coroutine,
                "state": task.state,
                "depth": depth,
                "awaits": [str(identifier) for identifier in task.awaits],
                "waits_for": task.waits_for or None,
                "stack": stack_lines(task.stack),
            }
            for depth, task in tree(loop.tasks)
        ],
    }


def _block(each: Block) -> dict[str, Any]:
    return {
        "at": round(each.at_unix_s, 3),
        "lasted_ms": round(each.seconds * 1000, 1),
        "over": each.over,
        "by": blocked_by(each) or None,
        "stack": list(each.stack),
    }


def _blocks_text(stood: Sequence[Block]) -> str:
    lines = [f"{_lasted(each)} {wording.ago(each.at_unix_s)}: {blocked_by(each)}" for each in stood]
    return "\n".join(["Blocked lately:", *lines, ""]) if lines else ""


def _blocks_html(stood: Sequence[Block]) -> str:
    rows = "".join(
        f'<details class="fold"><summary><span class="thread-name">{_lasted(each)}</span>'
        f'<span class="muted">{wording.ago(each.at_unix_s)}</span>'
        f'<span class="thread-place mono muted">{escape(blocked_by(each))}</span></summary>'
        f'<pre class="stack">{escape(chr(10).join(reversed(each.stack)))}</pre></details>'
        for each in stood
    )
    return f'<section class="card"><h2>Blocked lately</h2>{rows}</section>' if rows else ""


def _lasted(each: Block) -> str:
    return f"{wording.duration(each.seconds)}{'' if each.over else ' so far'}"


def _headline(loop: LoopLook) -> str:
    tasks = "1 task" if len(loop.tasks) == 1 else f"{len(loop.tasks)} tasks"
    if not loop.blocked_s:
        return f"The event loop answers in {loop.answer_s * 1000:.1f} ms; {tasks}."
    own = culprit(loop.stack)
    by = f" by {place(own)}" if own is not None else ""
    return f"The event loop is BLOCKED{by}: no answer for {loop.blocked_s * 1000:.0f} ms; {tasks}."


def _text(loops: list[LoopLook]) -> str:
    if not loops:
        return _NONE
    parts = []
    for loop in loops:
        parts.append(_headline(loop))
        parts += [f"    at {frame}" for frame in loop.stack]
        for depth, task in tree(loop.tasks):
            indent = "    " * depth
            waits = f" for {task.waits_for}" if task.waits_for else ""
            parts.append(f"{indent}{task.name} {task.coroutine}: {task.state}{waits}")
            parts += [f"{indent}    at {frame}" for frame in task.stack]
    return "\n".join(parts) + "\n"


def _html(loops: list[LoopLook]) -> str:
    if not loops:
        hint = "<p>They appear as soon as asyncio runs in any thread.</p>"
        return f'<div class="empty"><h2>No event loop runs tasks here</h2>{hint}</div>'
    return "".join(_loop_html(loop) for loop in loops)


def _loop_html(loop: LoopLook) -> str:
    kind = "danger" if loop.blocked_s else "success"
    parts = [f'<div class="banner banner-{kind}"><strong>{escape(_headline(loop))}</strong></div>']
    if loop.blocked_s:
        parts.append(f'<section class="card"><h2>What blocks it</h2>{stack_html(loop.stack)}</section>')
    parts += [_task_html(depth, task) for depth, task in tree(loop.tasks)]
    return "".join(parts)


def _task_html(depth: int, task: TaskLook) -> str:
    own = culprit(task.stack)
    where = f'<span class="thread-place mono muted">{escape(place(own))}</span>' if own is not None else ""
    waits = f" for {escape(task.waits_for)}" if task.waits_for else ""
    badge = "badge-accent" if task.state == "running" else ""
    summary = (
        f'<span class="thread-name">{escape(task.name)}</span><span class="badge {badge}">{task.state}{waits}</span>'
        f'<span class="muted">{escape(task.coroutine)}</span>{where}'
    )
    level = min(depth, 6)
    return f'<section class="card thread depth-{level}">{folded(summary, task.stack)}</section>'
