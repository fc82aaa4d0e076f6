"""The ASGI middleware (asgi.readthedocs.io, HTTP and WebSocket): pure ASGI, because a base class that makes request and
response objects costs 200 us a request.

An HTTP request lasts until its last body message. A WebSocket counts as the request of its handshake: the connection
that follows may last for hours and is nobody's latency.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from opentelemetry.context import Context

from spanwise.http.server import FORCE_HEADER, Attributes, Request, ServerRequests, split_host
from spanwise.redaction import Redaction

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
# The route template of a request, "" when none matched; called with the scope and its root_path before routing.
Route = Callable[[Scope, str], str]

REQUEST_KEY = "spanwise.request"
_FORCE_NAME = FORCE_HEADER.encode()
_SWITCHING_PROTOCOLS = "101"
_REFUSED_HANDSHAKE = "403"  # what the specification tells a server to answer when a WebSocket is closed unaccepted


def no_route(scope: Scope, root_path: str) -> str:
    """For applications whose routes nobody knows: one label for all, never the raw path."""
    return ""


class ASGIMiddleware:
    """Instruments any ASGI application. A nested instrumented application is left to the outermost one."""

    def __init__(
        self,
        app: ASGIApp,
        requests: ServerRequests,
        redaction: Redaction,
        route: Route = no_route,
        mark: str = REQUEST_KEY,
    ) -> None:
        self.app = app
        self._requests = requests
        self._redaction = redaction
        self._route = route
        self._mark = mark  # a further key of the scope by which a framework's own instrumentation stands back
        self._extract = None if requests.w3c_only else extract_from_scope
        self._task = _task_finder()
        self._watched = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._watched:
            self._watched = True
            _watch_loop()
        kind = scope["type"]
        if (kind != "http" and kind != "websocket") or REQUEST_KEY in scope:
            return await self.app(scope, receive, send)
        traceparent = tracestate = baggage = force = None
        for name, value in scope["headers"]:
            if name == b"traceparent":
                traceparent = value.decode("latin-1")
            elif name == b"tracestate":
                # Several header lines are one list (W3C Trace Context, 3.3.1.1).
                more = value.decode("latin-1")
                tracestate = f"{tracestate},{more}" if tracestate else more
            elif name == b"baggage":
                baggage = value.decode("latin-1")
            elif name == _FORCE_NAME:
                force = value.decode("latin-1")
        request = self._requests.begin(
            scope,
            self._describe,
            scope.get("method", "GET"),
            scope["path"],
            traceparent,
            tracestate,
            baggage,
            self._extract,
            force,
        )
        request.task = self._task()
        scope[REQUEST_KEY] = request
        scope.setdefault(self._mark, None)
        exchange = _Exchange(request, scope, send, self._route)
        try:
            await self.app(scope, receive, exchange.send if kind == "http" else exchange.send_websocket)
        except BaseException as error:
            request.failed(error)
            raise
        finally:
            exchange.end()
            request.leave()
        return None

    def _describe(self, scope: Scope) -> Attributes:
        """The semantic conventions' attributes of an HTTP server span, from the connection scope."""
        scheme = scope.get("scheme", "http")
        headers = {name: value for name, value in scope["headers"] if name in (b"host", b"user-agent")}
        server = scope.get("server") or ("", None)
        default_port = server[1] or (443 if scheme in ("https", "wss") else 80)
        address, port = split_host(headers.get(b"host", str(server[0]).encode()).decode("latin-1"), default_port)
        attributes: Attributes = {
            "url.scheme": scheme,
            "url.path": scope["path"],
            "server.address": address,
            "server.port": port,
            "network.protocol.version": scope.get("http_version", "1.1"),
        }
        if query := scope.get("query_string"):
            attributes["url.query"] = self._redaction.query(query.decode("latin-1"))
        if scope.get("client"):
            attributes["client.address"] = str(scope["client"][0])
        if b"user-agent" in headers:
            attributes["user_agent.original"] = headers[b"user-agent"].decode("latin-1")
        return attributes


def _task_finder() -> Callable[[], Any]:
    """What tells the current asyncio task, None under another event loop. Imported late: WSGI services do without."""
    from asyncio import current_task

    def current() -> Any:
        try:
            return current_task()
        except RuntimeError:
            return None

    return current


class _Exchange:
    """The send channel of one request: notes the status, and that the last byte has gone."""

    __slots__ = ("_request", "_root_path", "_route", "_scope", "_send")

    def __init__(self, request: Request, scope: Scope, send: Send, route: Route) -> None:
        self._request = request
        self._scope = scope
        self._send = send
        self._route = route
        self._root_path: str = scope.get("root_path", "")  # a router that mounts applications changes it

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._request.status = str(message["status"])
        await self._send(message)
        if kind == "http.response.body" and not message.get("more_body", False) and self._request.status < "500":
            # A framework sends its error page first and raises the exception again afterwards: that one waits for it.
            self.end()

    async def send_websocket(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self._request.status = _SWITCHING_PROTOCOLS
        elif kind == "websocket.http.response.start":
            self._request.status = str(message["status"])
        elif kind == "websocket.close" and not self._request.status:
            self._request.status = _REFUSED_HANDSHAKE
        await self._send(message)
        if kind in ("websocket.accept", "websocket.close"):
            self.end()

    def end(self) -> None:
        request = self._request
        if request.source is not None:
            request.find_route(self._route, self._scope, self._root_path)
            request.finish()


def extract_from_scope(scope: Scope) -> Context:
    """The caller's context by OpenTelemetry's configured propagators (OTEL_PROPAGATORS)."""
    from opentelemetry import propagate  # which loads what the variable names: only where that has been checked

    carrier = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return propagate.extract(carrier, Context())


def _watch_loop() -> None:
    """Gives the loop that runs the application its heartbeats: one for liveness, one for its lag."""
    import asyncio

    from spanwise.event_loop import loop_watch
    from spanwise.health import HEALTH

    with suppress(RuntimeError):  # not asyncio's
        loop = asyncio.get_running_loop()
        HEALTH.heartbeat.watch(loop)
        loop_watch().watch(loop)
