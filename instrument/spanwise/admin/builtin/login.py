"""Logging a browser in and out."""

from __future__ import annotations

import threading
import time
from collections import deque

from spanwise.admin import sessions
from spanwise.admin.login import LOGIN_PATH, login_page, own_path
from spanwise.admin.messages import Answer, Page, Request, Response, Tier
from spanwise.admin.routes import UNLISTED, route

# Wrong tokens a minute, from everybody together: a person mistypes a few times, a program that guesses thousands.
_MOST_WRONG = 20
_WINDOW_S = 60.0
_lock = threading.Lock()
_wrong: deque[float] = deque(maxlen=_MOST_WRONG)


@route(
    LOGIN_PATH,
    title="Log in",
    group="Misc",
    tier=Tier.OPEN,
    parameters=("next=…",),
    example=f"{LOGIN_PATH}?next=/admin/threads",
)
def form(request: Request) -> Page:
    """The login form of browsers; `next` is the page to come to afterwards."""
    if not request.process.guard.has_tokens:
        why = "This service has no admin token: set SPANWISE_ADMIN_TOKEN or SPANWISE_ADMIN_TOKEN_FILE, or ask from its"
        return login_page(request, f"{why} own machine.", after=request.parameter("next") or "/admin")
    by = request.trusted_by
    why = (
        f"You are let in already ({by})." if by else "Sensitive pages and changes need the admin token of the service."
    )
    return login_page(request, why, after=request.parameter("next") or "/admin")


@route(LOGIN_PATH, title="Log in", group=UNLISTED, tier=Tier.MUTATING, methods=("POST",), entrance=True)
def log_in(request: Request) -> Answer:
    """Takes the form's `token` from the body, sets the cookie and leads to `next`."""
    after = own_path(request.parameter("next") or "/admin")
    if _guessing():
        return login_page(request, "Too many wrong tokens: wait a minute.", status=429, after=after)
    offered = "" if "token" in request.query else request.parameter("token") or ""
    token = request.process.guard.token_like(offered) if offered else None
    if token is None:
        _wrong.append(time.monotonic())
        return login_page(request, "That is not the token of this service.", status=403, after=after)
    cookie = sessions.set_cookie(sessions.issue(token), encrypted=request.encrypted)
    return Response(303, (("Location", after), cookie))


@route("/admin/logout", title="Log out", group=UNLISTED, tier=Tier.MUTATING, methods=("POST",), entrance=True)
def log_out(request: Request) -> Answer:
    """Ends this browser's login."""
    return Response(303, (("Location", "/admin"), sessions.set_cookie("", encrypted=request.encrypted)))


def _guessing() -> bool:
    with _lock:
        return len(_wrong) == _MOST_WRONG and time.monotonic() - _wrong[0] < _WINDOW_S
