"""What the store runs for a request is noted with it, and stopped when its caller has gone away."""

from __future__ import annotations

from contextlib import ExitStack

from flask import Flask, g, request

from spanwise_collector.store import Asking, asking

# waitress' word for whether the connection has been closed by its other end.
_DISCONNECTED = "waitress.client_disconnected"


def register(app: Flask) -> None:
    """For all APIs of the application."""

    @app.before_request
    def begin() -> None:
        g.asking = ExitStack()
        g.asking.enter_context(asking(Asking(cancelled=request.environ.get(_DISCONNECTED))))

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        if "asking" in g:
            g.pop("asking").close()
