"""The first hop behind the guard: what takes spans goes to the intake, everything else to Flask."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Front:
    """`otlp` is by path and on both ports; `posts` is by path too, for POST on the main port alone, like the pages."""

    def __init__(
        self,
        otlp: Mapping[str, WSGIApplication],
        posts: Mapping[str, WSGIApplication],
        app: WSGIApplication,
        *,
        otlp_port: int,
        pages_url: str,
    ) -> None:
        self._otlp = otlp
        self._posts = posts
        self._app = app
        self._otlp_port = str(otlp_port)
        self._pages_url = pages_url

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path in self._otlp:
            return self._otlp[path](environ, start_response)
        if environ.get("SERVER_PORT") == self._otlp_port:
            return self._elsewhere(start_response)
        if environ["REQUEST_METHOD"] == "POST" and path in self._posts:
            return self._posts[path](environ, start_response)
        return self._app(environ, start_response)

    def _elsewhere(self, start_response: StartResponse) -> Iterable[bytes]:
        message = f"this port takes OTLP at {', '.join(self._otlp)}; pages and API are at {self._pages_url}/"
        body = json.dumps({"error": message}).encode()
        start_response("404 Not Found", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]
