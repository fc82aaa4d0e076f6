"""Zero code: instruments applications when they are created, in a program started by `spanwise run`.

`prepare` runs before the program and only sets import hooks: nothing is opened, started or written until there is
something to instrument. What cannot be instrumented is named on standard error, once, with the reason; the program
runs on in any case.
"""

from __future__ import annotations

import atexit
import functools
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from spanwise.import_hook import when_imported

# The process id that `spanwise run` became; its children have others.
MAIN_PROCESS = "SPANWISE_RUN_PROCESS"

# module -> the classes whose instances are applications
_APPLICATIONS = {
    "flask.app": ("Flask",),
    "starlette.applications": ("Starlette",),
    "fastapi.applications": ("FastAPI",),
    "django.core.handlers.wsgi": ("WSGIHandler",),
    "django.core.handlers.asgi": ("ASGIHandler",),
}
# Frameworks that bring a server of their own and are neither WSGI nor ASGI.
_FOREIGN = {
    "aiohttp.web": "aiohttp",
    "tornado.web": "Tornado",
    "sanic.app": "Sanic",
    "cherrypy": "CherryPy",
    "grpc": "gRPC",
}
_CLIENTS = ("requests.adapters", "httpx", "urllib3.connectionpool")
# These supervise workers that create the application; they need none themselves.
_SUPERVISORS = ("gunicorn", "uvicorn")

_said: set[str] = set()
_foreign: list[str] = []


def prepare() -> None:
    """Called once, before the program's first line."""
    for module, classes in _APPLICATIONS.items():
        when_imported(module, functools.partial(_hook_classes, classes=classes))
    for module, name in _FOREIGN.items():
        when_imported(module, functools.partial(_note_foreign, name=name))
    when_imported("gunicorn.app.wsgiapp", _hook_gunicorn)
    when_imported("uvicorn.config", _hook_uvicorn)
    if os.environ.get(MAIN_PROCESS) == str(os.getpid()):
        for module in _CLIENTS:
            when_imported(module, _hook_client)
        atexit.register(_say_what_is_missing)


def instrument(app: Any = None) -> Any:
    """What to serve in place of `app`; the same where it was instrumented in place, or could not be."""
    try:
        import spanwise

        served = spanwise.instrument(app).app
        return app if app is None or served is None else served
    except Exception as error:
        _say(f"{_shown(app)} could not be instrumented: {error}")
        return app


def _hook_classes(module: ModuleType, classes: tuple[str, ...]) -> None:
    for name in classes:
        kind = getattr(module, name, None)
        if kind is None:
            _say(f"{module.__name__} has no {name}: this version of it is not known.")
        else:
            _after_creation(kind)


def _after_creation(kind: type[Any]) -> None:
    """Instruments each instance when the outermost `__init__` has returned: a subclass's may still change it."""
    original = kind.__init__

    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        outermost = id(self) not in _being_created
        _being_created.add(id(self))
        try:
            original(self, *args, **kwargs)
        finally:
            if outermost:
                _being_created.discard(id(self))
        if outermost:
            instrument(self)

    kind.__init__ = init


_being_created: set[int] = set()


def _hook_gunicorn(module: Any) -> None:
    """Serves plain WSGI applications through the middleware; known frameworks have been instrumented by then."""
    kind = module.WSGIApplication
    load = kind.load

    @functools.wraps(load)
    def load_instrumented(self: Any) -> Any:
        app = load(self)
        return _serve(app, _shown(app))

    kind.load = load_instrumented


def _hook_uvicorn(module: Any) -> None:
    """The same for ASGI."""
    kind = module.Config
    load = kind.load

    @functools.wraps(load)
    def load_instrumented(self: Any) -> Any:
        result = load(self)
        # By now it is inside of uvicorn's own middleware.
        self.loaded_app = _serve(self.loaded_app, self.app if isinstance(self.app, str) else _shown(self.app))
        return result

    kind.load = load_instrumented


def _serve(app: Any, name: str) -> Any:
    from spanwise import service

    here = service.current()
    if here is not None and here.app is not None:
        return app
    _say(
        f"{name} is of no framework that spanwise knows: its requests are counted without their routes;"
        " spanwise.instrument(app, route=...) tells them."
    )
    return instrument(app)


def _hook_client(module: ModuleType) -> None:
    """A program without an application is worth its calls: the process is instrumented with its first client."""
    instrument()


def _note_foreign(module: ModuleType, name: str) -> None:
    _foreign.append(name)


def _say_what_is_missing() -> None:
    """At the end of the main process, when nothing was instrumented in it."""
    service = sys.modules.get("spanwise.service")
    here = service.current() if service is not None else None
    if here is not None and here.app is not None:
        return
    for name in _foreign:
        _say(
            f"{name} is neither WSGI nor ASGI, which is what spanwise instruments: call spanwise.instrument() for the"
            " process and its clients, and use spanwise.span or spanwise.task for its work."
        )
    if here is None and not _foreign and not any(module in sys.modules for module in _SUPERVISORS):
        _say(
            "nothing was instrumented: no Flask, Django, FastAPI or Starlette application was created, and no HTTP"
            " client was imported. spanwise.instrument() in the program measures it all the same."
        )


def _shown(app: Any) -> str:
    kind: Callable[..., Any] = app if callable(app) and hasattr(app, "__qualname__") else type(app)
    return f"{kind.__module__}:{kind.__qualname__}"


def _say(what: str) -> None:
    if what not in _said:
        _said.add(what)
        sys.stderr.write(f"spanwise run: {what}\n")
