"""The flamegraph page, and the captures it draws."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from spanwise.admin.messages import Answer, Invalid, Page, Request
from spanwise.admin.profiles import FORMAT_PARAMETERS, in_format, wanted_format
from spanwise.admin.rendering import problem
from spanwise.admin.routes import UNLISTED, route
from spanwise.profiling.captures import CAPTURES, Capture

_TEMPLATE = Path(__file__).parent.parent / "templates" / "flamegraph.html"
_GROUP = "Performance Profile"
_HINT = "No profile was taken yet. Take one: curl 'localhost:9990/admin/pprof/profile?seconds=10&format=text'\n"


@route("/admin/flamegraph", title="Flamegraph", group=_GROUP, parameters=("capture=…", "base=…", "kind=…"))
def flamegraph(_request: Request) -> Page:
    """Takes profiles and draws them: zoom, search, keyboard, and the difference of two; for scripts the captures."""
    return Page("Flamegraph", _listed(), _template(), stylesheets=("flamegraph.css",), scripts=("flamegraph.js",))


@route("/admin/captures", title="Captures", group=_GROUP)
def captures(_request: Request) -> dict[str, Any]:
    """The last profiles that were taken, newest first."""
    return {"captures": [_entry(capture) for capture in CAPTURES.all()]}


@route(
    "/admin/captures/*",
    title="A capture",
    group=UNLISTED,
    parameters=(*FORMAT_PARAMETERS, "base=…"),
    example="/admin/captures/profile-1?format=text",
)
def capture(request: Request) -> Answer:
    """One of the last profiles again, in any format; with `base` (flamegraph only) beside another."""
    identifier = request.path.removeprefix("/admin/captures/")
    found = CAPTURES.get(identifier)
    if found is None:
        return problem(
            404, "No such capture", "That capture is not kept (any more); /admin/captures lists those that are."
        )
    shape = wanted_format(request, "text")
    return in_format(request, found, shape, _base(request, found))


def _base(request: Request, found: Capture) -> Capture | None:
    wanted = request.parameter("base")
    if not wanted:
        return None
    base = CAPTURES.get(wanted)
    if base is None or base.profile.value_types != found.profile.value_types:
        raise Invalid("base must be another capture of the same kind that is still kept; see /admin/captures.")
    return base


def _entry(capture: Capture) -> dict[str, Any]:
    profile = capture.profile
    return {
        "id": capture.id,
        "kind": profile.kind,
        "at": round(capture.at, 3),
        "duration_s": round(profile.duration_ns / 1e9, 3),
        "stacks": len(profile.samples),
        "types": [value_type.type for value_type in profile.value_types],
        "default_type": profile.default,
        "comments": list(profile.comments),
    }


def _listed() -> str:
    lines = [f"/admin/captures/{capture.id}?format=text\n" for capture in CAPTURES.all()]
    return "".join(lines) or _HINT


@cache
def _template() -> str:
    return _TEMPLATE.read_text(encoding="utf-8")
