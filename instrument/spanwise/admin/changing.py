"""What the pages that change something have in common: the answer after a change, and the list of changes in force."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from spanwise.admin import wording
from spanwise.admin.messages import Answer, Invalid, Page, Request, Response
from spanwise.admin.temporary import MOST_CHANGES, Change, TooMany


def change(
    request: Request, key: str, description: str, *, do: Callable[[], None], undo: Callable[[], None], ttl_s: float
) -> None:
    """Makes a change that undoes itself after `ttl_s`. Raises Invalid where too many are in force."""
    try:
        request.process.changes.make(key, description, do, undo, ttl_s)
    except TooMany:
        raise Invalid(f"{MOST_CHANGES} changes are in force: undo some at /admin/changes first.") from None


def done(request: Request, text: str, back: str, data: dict[str, Any] | None = None) -> Answer:
    """The answer to a change: a line for scripts; a browser goes back to the page it came from."""
    if request.wants_html:
        return Response(303, (("Location", back),))
    return Page("Done", f"{text}\n", data={"done": text, **(data or {})})


def change_of(request: Request, key: str) -> Change | None:
    return next((each for each in request.process.changes.active() if each.key == key), None)


def countdown(active: Change) -> str:
    """The badge of a change with what is left of it, as HTML."""
    return f'<span class="badge badge-warning">back in {escape(wording.duration(active.left_s))}</span>'


def ttl_field(default: str = "10m") -> str:
    """The field of a form that says how long, as HTML."""
    options = "".join(
        f'<option value="{value}"{" selected" if value == default else ""}>{text}</option>'
        for value, text in (("1m", "1 min"), ("10m", "10 min"), ("1h", "1 h"), ("8h", "8 h"))
    )
    return f'<label class="ttl">for <select name="ttl" aria-label="How long">{options}</select></label>'
