"""Stacks as pages show them: the service's own lines stand out, those of libraries stand back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from spanwise.diagnosis.where import is_application, short
from spanwise.profiling.stacks import Frame, Stack

_LINE = re.compile(r"(.*?)\((.*):(\d+)\)", re.DOTALL)


def stack_html(stack: Stack) -> str:
    """An ordered list, innermost call first."""
    if not stack:
        return '<p class="muted">No Python code.</p>'
    rows = "".join(
        f'<li class="{"frame-own" if is_application(frame.file) else "frame-library"}">'
        f'<span class="frame-name">{escape(frame.function)}</span> '
        f'<span class="frame-place" title="{escape(frame.file)}">{escape(short(frame.file))}:{frame.line}</span></li>'
        for frame in stack
    )
    return f'<ol class="stack">{rows}</ol>'


def stack_lines(stack: Stack) -> list[str]:
    """`checkout.pay(views.py:41)`, twitter-server's form."""
    return [f"{frame.function}({frame.file}:{frame.line})" for frame in stack]


def from_lines(lines: Iterable[str]) -> Stack:
    """The stack that `stack_lines` has written."""
    return tuple(Frame(match[1], match[2], int(match[3])) for line in lines if (match := _LINE.fullmatch(line)))


def folded(summary: str, stack: Stack, *, opened: bool = False) -> str:
    """A stack that is opened by a click. `summary` is HTML."""
    state = " open" if opened else ""
    return f'<details class="fold"{state}><summary>{summary}</summary>{stack_html(stack)}</details>'
