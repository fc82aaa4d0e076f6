"""`/admin`: look inside a running service. Importing it costs next to nothing: the server is loaded when it starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from spanwise.admin.log_levels import log_group
from spanwise.admin.messages import Invalid, Page, Request, Response, Tier
from spanwise.admin.routes import route

if TYPE_CHECKING:
    from spanwise.admin.application import Application
    from spanwise.admin.process import Process
    from spanwise.admin.server import AdminServer
    from spanwise.settings import Settings

__all__ = [
    "Invalid",
    "Page",
    "Request",
    "Response",
    "Tier",
    "asgi",
    "log_group",
    "make_application",
    "route",
    "start_admin",
    "wsgi",
]


def start_admin(process: Process, *, host: str, port: int, settings: Settings) -> AdminServer:
    """Serves the admin pages; see `spanwise.admin.server.start_admin`."""
    from spanwise.admin.server import start_admin as start

    return start(process, host=host, port=port, settings=settings)


def make_application(process: Process, settings: Settings) -> Application:
    """The admin pages without a port; see `spanwise.admin.server.make_application`."""
    from spanwise.admin.server import make_application as make

    return make(process, settings)


def wsgi(app: Any, **more: Any) -> Callable[..., Any]:
    """`app` with the admin pages at `/admin`, for hosts with one port; see `spanwise.admin.mounted`."""
    from spanwise.admin.mounted import WSGIMount

    return WSGIMount(app, **more)


def asgi(app: Any, **more: Any) -> Callable[..., Any]:
    """`app` with the admin pages at `/admin`, for hosts with one port; see `spanwise.admin.mounted`."""
    from spanwise.admin.mounted import ASGIMount

    return ASGIMount(app, **more)
