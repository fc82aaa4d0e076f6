"""Django, by WSGI and by ASGI: where the route template is, and how its handled exceptions become known.

Django has no application to wrap until a server asks for one, so its two handler classes are hooked: whatever
`get_wsgi_application` and `get_asgi_application` return, before or after, is instrumented.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from spanwise.http.asgi import REQUEST_KEY as ASGI_REQUEST_KEY
from spanwise.http.asgi import ASGIMiddleware, Receive, Scope, Send
from spanwise.http.server import Request, ServerRequests
from spanwise.http.wsgi import REQUEST_KEY, Environ, StartResponse, WSGIMiddleware
from spanwise.redaction import Redaction

_MARK = "_spanwise_middleware"
_ROUTE_KEY = "spanwise.django.route"


def matches(app: object) -> bool:
    """Whether this is one of Django's handlers; Django itself is not imported for the question."""
    return _handler_module(app) is not None


def _handler_module(app: object) -> str | None:
    for module, name in (("django.core.handlers.wsgi", "WSGIHandler"), ("django.core.handlers.asgi", "ASGIHandler")):
        handlers = sys.modules.get(module)
        if handlers is not None and isinstance(app, getattr(handlers, name)):
            return module
    return None


def attach(app: object, requests: ServerRequests, redaction: Redaction) -> None:
    """Hooks the class of the handler, once."""
    from django.core.signals import got_request_exception

    handler = type(app)
    if hasattr(handler, _MARK):
        return
    original = handler.__call__
    if _handler_module(app) == "django.core.handlers.wsgi":
        _hook_wsgi(handler, original, requests, redaction)
    else:
        _hook_asgi(handler, original, requests, redaction)
    _note_routes()
    got_request_exception.connect(_note_exception, weak=False, dispatch_uid="spanwise")


def _hook_wsgi(handler: Any, original: Any, requests: ServerRequests, redaction: Redaction) -> None:
    def call(self: Any, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        middleware = WSGIMiddleware(lambda e, s: original(self, e, s), requests, redaction, _wsgi_route)
        return middleware(environ, start_response)

    setattr(handler, _MARK, True)
    handler.__call__ = call


def _hook_asgi(handler: Any, original: Any, requests: ServerRequests, redaction: Redaction) -> None:
    async def call(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        middleware = ASGIMiddleware(
            lambda s, r, w: original(self, s, r, w), requests, redaction, lambda s, _: s.get(_ROUTE_KEY, "")
        )
        await middleware(scope, receive, send)

    setattr(handler, _MARK, True)
    handler.__call__ = call


def _wsgi_route(environ: Environ) -> str:
    return str(environ.get(_ROUTE_KEY, ""))


def _note_routes() -> None:
    """Keeps each request's route where the middleware finds it: Django tells it only to its own request object."""
    from django.core.handlers.base import BaseHandler

    if hasattr(BaseHandler, _MARK):
        return
    setattr(BaseHandler, _MARK, True)
    resolve = BaseHandler.resolve_request

    def resolve_and_note(self: Any, request: Any) -> Any:
        match = resolve(self, request)
        template = match.route.lstrip("^").rstrip("$")
        _server_variables(request)[_ROUTE_KEY] = template if template.startswith("/") else f"/{template}"
        return match

    BaseHandler.resolve_request = resolve_and_note


def _server_variables(request: Any) -> Any:
    """The WSGI environ or the ASGI scope of a Django request."""
    return request.environ if hasattr(request, "environ") else request.scope


def _note_exception(sender: Any, request: Any = None, **_: Any) -> None:
    """An exception that Django turns into its 500 page never reaches the middleware."""
    error = sys.exc_info()[1]
    if request is None or error is None:
        return
    variables = _server_variables(request)
    ours = variables.get(REQUEST_KEY) or variables.get(ASGI_REQUEST_KEY)
    if isinstance(ours, Request) and ours.error is not error:
        ours.failed(error)
