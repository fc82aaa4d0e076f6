"""The WSGI middleware (PEP 3333): one object a request, which is also the body that the server iterates and closes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from opentelemetry.context import Context

from spanwise.http.server import FORCE_HEADER, Attributes, Request, ServerRequests, split_host
from spanwise.redaction import Redaction

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
WSGIApp = Callable[[Environ, StartResponse], Iterable[bytes]]
# The route template of a request, "" when none matched; called when the response starts.
Route = Callable[[Environ], str]

REQUEST_KEY = "spanwise.request"
_FORCE_VARIABLE = "HTTP_" + FORCE_HEADER.upper().replace("-", "_")


def no_route(environ: Environ) -> str:
    """For applications whose routes nobody knows: one label for all, never the raw path."""
    return ""


class WSGIMiddleware:
    """Instruments any WSGI application. A nested instrumented application is left to the outermost one."""

    def __init__(self, app: WSGIApp, requests: ServerRequests, redaction: Redaction, route: Route = no_route) -> None:
        self.app = app
        self._requests = requests
        self._redaction = redaction
        self._route = route
        self._extract = None if requests.w3c_only else extract_from_environ

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if REQUEST_KEY in environ:
            return self.app(environ, start_response)
        get = environ.get
        request = self._requests.begin(
            environ,
            self._describe,
            environ["REQUEST_METHOD"],
            get("PATH_INFO", ""),
            get("HTTP_TRACEPARENT"),
            get("HTTP_TRACESTATE"),
            get("HTTP_BAGGAGE"),
            self._extract,
            get(_FORCE_VARIABLE),
        )
        environ[REQUEST_KEY] = request
        response = _Response(request, start_response, self._route)
        try:
            body = self.app(environ, response.start)
        except BaseException as error:
            if not request.route:
                request.find_route(self._route, environ)
            request.failed(error)
            request.end()
            raise
        if type(body) is list or type(body) is tuple:
            # Complete already: the server keeps the list, from whose length it may tell the content length.
            request.end()
            return body
        response.body = body
        response.iterator = iter(body)
        return response

    def _describe(self, environ: Environ) -> Attributes:
        """The semantic conventions' attributes of an HTTP server span, from PEP 3333's variables."""
        scheme = environ.get("wsgi.url_scheme", "http")
        host = environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")
        server_port = environ.get("SERVER_PORT") or ""
        default_port = int(server_port) if server_port.isdecimal() else 443 if scheme == "https" else 80
        address, port = split_host(host, default_port)
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        attributes: Attributes = {
            "url.scheme": scheme,
            "url.path": _as_text(path),
            "server.address": address,
            "server.port": port,
            "network.protocol.version": environ.get("SERVER_PROTOCOL", "HTTP/1.1").rpartition("/")[2],
        }
        if query := environ.get("QUERY_STRING"):
            attributes["url.query"] = self._redaction.query(query)
        if peer := environ.get("REMOTE_ADDR"):
            attributes["client.address"] = peer
        if agent := environ.get("HTTP_USER_AGENT"):
            attributes["user_agent.original"] = agent
        return attributes


class _Response:
    """The body as the server sees it, start_response as the application sees it. Its last byte or `close` ends it."""

    __slots__ = ("_request", "_route", "_start_response", "body", "iterator")

    body: Iterable[bytes]
    iterator: Iterator[bytes]

    def __init__(self, request: Request, start_response: StartResponse, route: Route) -> None:
        self._request = request
        self._start_response = start_response
        self._route = route

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        request = self._request
        request.status = status[:3]
        # Now, because a framework's own request is gone by the time the body is closed.
        request.find_route(self._route, request.source)
        if exc_info is not None:
            return self._start_response(status, headers, exc_info)
        return self._start_response(status, headers)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self.iterator)
        except StopIteration:
            # The body is complete. A server closes it right away; a framework's test client often never does.
            self._request.end()
            raise
        except BaseException as error:
            self._request.failed(error)
            raise

    def close(self) -> None:
        try:
            close = getattr(self.body, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._request.failed(error)
            raise
        finally:
            self._request.end()

    def __del__(self, finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # A test client may drop a body that it neither read nor closed; a finished request is not finished again.
        # (The default argument outlives the module's own names when the interpreter ends.)
        if not finalizing():
            self._request.end()


def _as_text(path: str) -> str:
    """PEP 3333 has the path's bytes as latin-1; Django puts text in their place."""
    try:
        return path.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return path


def extract_from_environ(environ: Environ) -> Context:
    """The caller's context by OpenTelemetry's configured propagators (OTEL_PROPAGATORS)."""
    from opentelemetry import propagate  # which loads what the variable names: only where that has been checked

    carrier = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    }
    return propagate.extract(carrier, Context())
