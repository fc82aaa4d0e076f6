"""The admin pages inside the service's own application, for hosts that give a service one port.

    app.wsgi_app = spanwise.admin.wsgi(app.wsgi_app)      # Flask; any WSGI application
    app = spanwise.admin.asgi(app)                        # Starlette, FastAPI; any ASGI application

What is below `/admin` and the probes are answered here, everything else by the application. A proxy stands before such
a port, so a loopback peer means nothing here: what is sensitive needs the token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from spanwise.admin.application import Application
from spanwise.admin.limits import Limits
from spanwise.admin.messages import Request, Response

PROBES = ("/livez", "/readyz", "/startupz")
_LIMITS = Limits()

StartResponse = Callable[..., Any]
WSGIApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def current_application() -> Application | None:
    """The admin pages of this process, once `spanwise.instrument` was called."""
    from spanwise import service

    return service.admin_application()


class WSGIMount:
    """A WSGI application that answers the admin pages itself and hands everything else to `app`."""

    def __init__(
        self,
        app: WSGIApp,
        *,
        also: tuple[str, ...] = PROBES,
        application: Callable[[], Application | None] = current_application,
    ) -> None:
        self._app = app
        self._also = also
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        application = self._application() if _is_ours(path, self._also) else None
        if application is None:
            return self._app(environ, start_response)
        path = path.encode("latin-1", "replace").decode("utf-8", "replace")  # PEP 3333: bytes as latin-1
        body, problem_text = _wsgi_body(environ)
        peer = environ.get("REMOTE_ADDR") or ""
        headers = _wsgi_headers(environ)
        encrypted = environ.get("wsgi.url_scheme") == "https"
        method = environ.get("REQUEST_METHOD", "GET")
        response = _answer(
            application, method, path, environ.get("QUERY_STRING", ""), headers, peer, body, encrypted, problem_text
        )
        content = (response.body,) if isinstance(response.body, bytes) else response.body
        start_response(f"{response.status} {_phrase(response.status)}", _headers(response))
        return () if method == "HEAD" else content


class ASGIMount:
    """The same for an ASGI application. Pages are made in a thread, so that they hold up no event loop."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        also: tuple[str, ...] = PROBES,
        application: Callable[[], Application | None] = current_application,
    ) -> None:
        self._app = app
        self._also = also
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["type"] == "http" and _is_ours(scope["path"], self._also)
        application = self._application() if ours else None
        if application is None:
            await self._app(scope, receive, send)
            return
        body, problem_text = await _asgi_body(receive)
        response = await asyncio.to_thread(
            _answer,
            application,
            scope["method"],
            scope["path"],
            scope.get("query_string", b"").decode("latin-1"),
            _asgi_headers(scope),
            (scope.get("client") or ("",))[0],
            body,
            scope.get("scheme") == "https",
            problem_text,
        )
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in _headers(response)]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        pieces = iter((response.body,)) if isinstance(response.body, bytes) else response.body
        if scope["method"] != "HEAD":
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _is_ours(path: str, also: tuple[str, ...]) -> bool:
    return path in ("/admin", "/admin.json", *also) or path.startswith("/admin/")


def _answer(
    application: Application,
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    peer: str,
    body: bytes,
    encrypted: bool,
    problem_text: str,
) -> Response:
    try:
        fields = parse_qs(query, keep_blank_values=True, max_num_fields=_LIMITS.query_fields)
    except ValueError:
        fields, problem_text = {}, "The query cannot be read, or has too many parameters."
    request = Request(method, path, fields, headers, peer, body, application.process, encrypted=encrypted)
    if problem_text:
        return application.refuse(request, 413 if "body" in problem_text else 400, problem_text)
    return application.answer(request)


def _headers(response: Response) -> list[tuple[str, str]]:
    headers = [(name, value.replace("\r", " ").replace("\n", " ")) for name, value in response.headers]
    if response.body != b"":
        headers.append(("Content-Type", response.content_type))
    if isinstance(response.body, bytes):
        headers.append(("Content-Length", str(len(response.body))))
    return headers


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _wsgi_headers(environ: dict[str, Any]) -> dict[str, str]:
    headers = {key[5:].replace("_", "-").lower(): str(environ[key]) for key in environ if key.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    return headers


def _asgi_headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _wsgi_body(environ: dict[str, Any]) -> tuple[bytes, str]:
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > _LIMITS.body_bytes:
        return b"", f"The body is longer than {_LIMITS.body_bytes} bytes, or does not say how long it is."
    return (environ["wsgi.input"].read(int(length)) if int(length) else b""), ""


async def _asgi_body(receive: Receive) -> tuple[bytes, str]:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _LIMITS.body_bytes:
            return b"", f"The body is longer than {_LIMITS.body_bytes} bytes."
        if not message.get("more_body"):
            return bytes(body), ""
