"""The files of the look, and the look's icon. Only names that are in the folders are served; no path is opened."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from spanwise.admin.messages import Answer, Request, Response, Tier
from spanwise.admin.rendering import STATIC_URL, problem
from spanwise.admin.routes import UNLISTED, route
from spanwise.web import STATIC as LOOK

_OWN = Path(__file__).parent.parent / "static"
# Nothing secret is in them; a short time, because the next version of the service may bring others.
_CACHE = ("Cache-Control", "max-age=60")
# Written out, because the standard library's table depends on the machine, and browsers are told not to guess.
_CONTENT_TYPES = {
    ".css": "text/css;charset=UTF-8",
    ".js": "text/javascript;charset=UTF-8",
    ".json": "application/json;charset=UTF-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain;charset=UTF-8",
    ".woff2": "font/woff2",
}


@route(f"{STATIC_URL}/*", title="Static files", group=UNLISTED, tier=Tier.OPEN, example=f"{STATIC_URL}/admin.css")
def static(request: Request) -> Answer:
    """The style sheets, scripts and icons of these pages."""
    return _file(request.path.removeprefix(f"{STATIC_URL}/"))


@route("/favicon.ico", title="Icon", group=UNLISTED, tier=Tier.OPEN)
def favicon(_request: Request) -> Answer:
    """The icon, for browsers that ask for it unasked."""
    return _file("favicon.svg")


def _file(name: str) -> Answer:
    path = _files().get(name)
    if path is None:
        return problem(404, "Nothing here", "There is no such file.")
    content_type = _CONTENT_TYPES.get(path.suffix, "application/octet-stream")
    return Response(headers=(_CACHE,), body=path.read_bytes(), content_type=content_type)


@cache
def _files() -> dict[str, Path]:
    """Every file by its name below STATIC_URL."""
    return {
        path.relative_to(folder).as_posix(): path
        for folder in (LOOK, _OWN)
        for path in folder.rglob("*")
        if path.is_file()
    }
