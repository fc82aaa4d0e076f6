"""Routes of the web pages. Nothing here reads the store: the pages' scripts ask the JSON API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, send_from_directory, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from spanwise.web import CONTENT_SECURITY_POLICY, STATIC, NavLink, page

_SCRIPTS = Path(__file__).parent / "static"
# 128-bit ids, and the 64-bit ids of older Zipkin instrumentation, which are the same id without its leading zeros.
_TRACE_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{16}", re.IGNORECASE)

# The collector's own traces; the page says that there are none yet until another service has sent some.
OWN_SERVICE = "spanwise-collector"

blueprint = Blueprint("web", __name__, template_folder="templates")


@blueprint.get("/")
def newest() -> str:
    """The newest traces, live."""
    return render_template("traces.html", own_service=OWN_SERVICE)


@blueprint.get("/trace/<trace_id>")
def trace(trace_id: str) -> str | AnyResponse | tuple[str, int]:
    """One trace as a waterfall. The id in the address is brought to its one written form."""
    if not _TRACE_ID.fullmatch(trace_id):
        return render_template("not_a_trace.html", trace_id=trace_id), 404
    written = trace_id.lower().zfill(32)
    if written != trace_id:
        return redirect(url_for("web.trace", trace_id=written))
    return render_template("trace.html", trace_id=trace_id)


@blueprint.get("/static/look/<path:name>")
def look(name: str) -> Response:
    """The shared look's files."""
    return send_from_directory(STATIC, name)


@blueprint.get("/static/pages/<path:name>")
def own(name: str) -> Response:
    """These pages' own scripts and style sheets."""
    return send_from_directory(_SCRIPTS, name)


@blueprint.after_request
def _guard(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@blueprint.context_processor
def _for_templates() -> dict[str, Any]:
    """What `base.html` and the pages need: the shared base page, and where the scripts find the API."""
    return {"look_page": _look_page, "api_url": f"{request.script_root}/api/spanwise"}


def _look_page(title: str, body: str, **options: Any) -> Markup:
    html = page(
        title,
        body,
        product="collector",
        home=url_for("web.newest"),
        nav=[NavLink("Traces", url_for("web.newest"), current=request.endpoint == "web.newest")],
        static_url=url_for("web.look", name="").rstrip("/"),
        heading=False,
        **options,
    )
    return Markup(html)  # noqa: S704 - page() escapes all but the body, which is a rendered template
