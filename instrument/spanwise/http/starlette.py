"""Starlette and FastAPI: where the route template is, through routers and mounted applications."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

from spanwise.http.asgi import ASGIMiddleware, Scope
from spanwise.http.server import ServerRequests
from spanwise.redaction import Redaction

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import ASGIApp as StarletteApp

_MARK = "_spanwise_middleware"
# FastAPI (seen in 0.165) makes a server span of its own wherever a tracer provider is set. With this key in the scope
# the applications mounted in ours leave that to us; ours itself is told by its configuration.
_NATIVE_MARK = "fastapi.telemetry"


def matches(app: object) -> bool:
    """Whether this is a Starlette application, as every FastAPI application is; neither is imported to tell."""
    starlette = sys.modules.get("starlette.applications")
    return starlette is not None and isinstance(app, starlette.Starlette)


def attach(app: object, requests: ServerRequests, redaction: Redaction) -> None:
    """Becomes the outermost middleware, in place and once; routes and middleware may be added before or after."""
    starlette_app = cast("Starlette", app)
    if getattr(starlette_app, _MARK, False):
        return
    setattr(starlette_app, _MARK, True)
    native = getattr(starlette_app, "_telemetry", None)
    if isinstance(native, dict):
        native["tracing"] = False
    build = starlette_app.build_middleware_stack

    def build_instrumented() -> StarletteApp:
        return cast("StarletteApp", ASGIMiddleware(cast(Any, build()), requests, redaction, route, _NATIVE_MARK))

    starlette_app.build_middleware_stack = build_instrumented  # type: ignore[method-assign]
    if starlette_app.middleware_stack is not None:  # it has served a request already
        starlette_app.middleware_stack = build_instrumented()


def route(scope: Scope, root_path: str) -> str:
    """The template of the route that the routers found, with the paths it is mounted under."""
    found = scope.get("route")
    if found is None:
        return ""
    mounted_under = _template(scope.get("root_path", "")[len(root_path) :], scope)
    if hasattr(found, "routes"):
        # A mount. What is mounted and has routes of its own would have put its route here, had one matched.
        return "" if found.routes else mounted_under
    return mounted_under + _path(found, scope)


def _path(found: Any, scope: Scope) -> str:
    # FastAPI includes routers lazily: the route knows its own path, the effective one has the routers' prefixes.
    effective = scope.get("fastapi", {}).get("effective_route_context")
    if effective is not None and getattr(effective, "original_route", None) is found:
        return str(effective.path)
    return str(getattr(found, "path", ""))


def _template(prefix: str, scope: Scope) -> str:
    """`"/tenants/acme"` -> `"/tenants/{tenant}"`: mounted applications are known by the path that was matched alone."""
    if not prefix:
        return ""
    named = {str(value): name for name, value in scope.get("path_params", {}).items()}
    return "/".join(f"{{{named[part]}}}" if part in named else part for part in prefix.split("/"))
