"""The form by which a browser logs in, shown on its own page and in place of every page that needs it."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from spanwise.admin.messages import Page, Request
from spanwise.admin.templates import template

LOGIN_PATH = "/admin/login"


def login_page(
    request: Request, why: str, *, status: int = 200, headers: tuple[tuple[str, str], ...] = (), after: str = ""
) -> Page:
    """The form, `why` above it; who logs in comes to `after`, a path of ours, or back to what was asked for."""
    after = after or (request.path if request.method in ("GET", "HEAD") else "/admin")
    if request.query and after == request.path:
        after = f"{after}?{urlencode(request.query, doseq=True)}"
    html = template("login.html").substitute(
        action=LOGIN_PATH, why=escape(why), after=escape(own_path(after)), alert="banner-danger" if status > 401 else ""
    )
    return Page("Log in", f"{why}\n", html, status=status, heading=False, headers=headers)


def own_path(path: str) -> str:
    """`path` when it leads to a page of this server, else the front page: a login must not lead anywhere else."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and path.isascii()
    return path if plain and not path.startswith(LOGIN_PATH) else "/admin"
