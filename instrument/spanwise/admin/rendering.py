"""From what a handler returned to what is sent: text or JSON for scripts, the same content in a page for browsers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from html import escape
from typing import Any

from spanwise.admin.messages import HTML, JSON, TEXT, Answer, Page, Request, Response
from spanwise.standard import UNKNOWN

STATIC_URL = "/admin/static"
_STYLESHEET = f"{STATIC_URL}/admin.css"
_NAV = (("Overview", "/admin"), ("Why", "/admin/why"), ("Health", "/readyz"), ("Server info", "/admin/server_info"))


def respond(answer: Answer, request: Request, title: str) -> Response:
    """The response for any answer; `title` heads the page of one that brings no title of its own."""
    if isinstance(answer, Response):
        return answer
    if isinstance(answer, bytes):
        return Response(body=answer, content_type="application/octet-stream")
    if isinstance(answer, str):
        answer = Page(title, answer)
    elif not isinstance(answer, Page):
        answer = Page(title, json_text(answer), _as_html(answer), data=answer)
    return _page(answer, request)


def json_text(data: Any, *, pretty: bool = True) -> str:
    """JSON with a line end; what JSON has no word for (NaN, infinities) becomes null, other objects their text."""
    layout: dict[str, Any] = {"indent": 2} if pretty else {"separators": (",", ":")}
    try:
        return json.dumps(data, allow_nan=False, default=str, **layout) + "\n"
    except ValueError:
        return json.dumps(_finite(data), allow_nan=False, default=str, **layout) + "\n"


def json_response(data: Any, *, pretty: bool = True, status: int = 200) -> Response:
    return Response(status, body=json_text(data, pretty=pretty).encode(), content_type=JSON)


def problem(status: int, title: str, text: str, headers: tuple[tuple[str, str], ...] = ()) -> Page:
    """A page for something that did not work: one line for scripts, the same line for people."""
    html = f'<div class="empty"><h2>{escape(title)}</h2><p>{escape(text)}</p></div>'
    return Page(title, f"{text}\n", html, status=status, heading=False, headers=headers)


def _page(page: Page, request: Request) -> Response:
    if request.wants_html:
        return Response(page.status, page.headers, _document(page, request).encode(), HTML)
    if page.data is not None and (request.wants_json or page.text == ""):
        return Response(page.status, page.headers, json_text(page.data).encode(), JSON)
    content_type = JSON if page.data is not None and page.text[:1] in ("{", "[") else TEXT
    return Response(page.status, page.headers, page.text.encode("utf-8", "replace"), content_type)


def _document(page: Page, request: Request) -> str:
    from spanwise.web import NavLink
    from spanwise.web import page as web_page

    return web_page(
        page.title,
        page.html or f"<pre>{escape(page.text)}</pre>",
        subtitle=page.subtitle,
        heading=page.heading,
        nav=[NavLink(label, href, href == request.path) for label, href in _NAV],
        static_url=STATIC_URL,
        stylesheets=[_STYLESHEET, *(f"{STATIC_URL}/{name}" for name in page.stylesheets)],
        scripts=[f"{STATIC_URL}/{name}" for name in page.scripts],
        wide=page.wide,
        product=request.process.identity_attributes.get("service.name") or UNKNOWN,
        home="/admin",
    )


def _as_html(data: Mapping[str, Any] | list[Any]) -> str:
    """A flat object as a table of keys and values, anything deeper as JSON."""
    if isinstance(data, Mapping) and all(_is_flat(value) for value in data.values()):
        rows = "".join(f"<tr><th>{escape(str(key))}</th><td>{_value_html(data[key])}</td></tr>" for key in data)
        return f'<div class="card card-flush"><table class="key-values"><tbody>{rows}</tbody></table></div>'
    return f"<pre>{escape(json_text(data))}</pre>"


def _is_flat(value: Any) -> bool:
    return not isinstance(value, (dict, list)) or (
        isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value)
    )


def _value_html(value: Any) -> str:
    items = value if isinstance(value, list) else [value]
    return "<br>".join(escape(str(item)) for item in items)


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
