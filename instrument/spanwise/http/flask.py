"""Flask: where its route template is, and how its handled exceptions become known."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

from spanwise.http.server import Request, ServerRequests
from spanwise.http.wsgi import REQUEST_KEY, Environ, WSGIMiddleware
from spanwise.redaction import Redaction

if TYPE_CHECKING:
    from flask import Flask


def matches(app: object) -> bool:
    """Whether this is a Flask application; Flask itself is not imported for the question."""
    flask = sys.modules.get("flask")
    return flask is not None and isinstance(app, flask.Flask)


def attach(app: object, requests: ServerRequests, redaction: Redaction) -> None:
    """Wraps the application in place, once; routes may be added before or after."""
    flask_app = cast("Flask", app)
    if isinstance(flask_app.wsgi_app, WSGIMiddleware):
        return
    from flask import got_request_exception

    flask_app.wsgi_app = WSGIMiddleware(flask_app.wsgi_app, requests, redaction, _route)  # type: ignore[method-assign]
    got_request_exception.connect(_note_exception, flask_app)


def _route(environ: Environ) -> str:
    # Werkzeug keeps the request here until Flask pops its context, which is after the response has started.
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return rule.rule if rule is not None else ""


def _note_exception(sender: Any, exception: BaseException, **_: Any) -> None:
    """An exception that Flask turns into its 500 page never reaches the middleware."""
    from flask import request as flask_request

    request = flask_request.environ.get(REQUEST_KEY)
    if isinstance(request, Request):
        request.route = _route(flask_request.environ)  # where the exception is let through, the response never starts
        request.failed(exception)
