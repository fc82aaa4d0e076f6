"""The routes that the service's application declares, also those that nobody has requested.

Asked of the framework's own table, under the templates that metrics and spans have.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_ANY: tuple[str, ...] = ()
_IMPLIED = frozenset({"HEAD", "OPTIONS"})
_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class AppRoute:
    """`methods` empty: the framework's table does not say. `handler` is a name for people."""

    template: str
    methods: tuple[str, ...]
    handler: str


def app_routes(app: object) -> list[AppRoute]:
    """By template; empty for an application whose framework is not known."""
    found = {(each.template, each.methods): each for each in _routes(app)}
    return [found[key] for key in sorted(found)]


def _routes(app: Any) -> Iterator[AppRoute]:
    if hasattr(app, "url_map"):  # Flask
        for rule in app.url_map.iter_rules():
            yield AppRoute(str(rule.rule), _methods(rule.methods), str(rule.endpoint))
    elif hasattr(app, "routes"):  # Starlette, FastAPI
        yield from _starlette(app.routes, "")
    elif type(app).__module__.startswith("django.core.handlers"):
        resolver = sys.modules["django.urls"].get_resolver()
        yield from _django(resolver.url_patterns, "/")


def _starlette(routes: Any, prefix: str, depth: int = 0) -> Iterator[AppRoute]:
    for each in routes if depth < _MAX_DEPTH else ():
        path = prefix + str(getattr(each, "path", ""))
        inside = getattr(each, "routes", None)
        if inside:
            yield from _starlette(inside, path, depth + 1)
        elif hasattr(each, "endpoint"):
            yield AppRoute(path, _methods(getattr(each, "methods", None)), _name(each.endpoint))


def _django(patterns: Any, prefix: str, depth: int = 0) -> Iterator[AppRoute]:
    for each in patterns if depth < _MAX_DEPTH else ():
        path = prefix + str(each.pattern).lstrip("^").rstrip("$")
        inside = getattr(each, "url_patterns", None)
        if inside is not None:
            yield from _django(inside, path, depth + 1)
        else:
            yield AppRoute(path, _ANY, _name(each.callback))


def _methods(given: Any) -> tuple[str, ...]:
    return tuple(sorted(set(given or ()) - _IMPLIED))


def _name(handler: Any) -> str:
    view = getattr(handler, "view_class", handler)
    return f"{getattr(view, '__module__', '')}.{getattr(view, '__qualname__', type(view).__name__)}".lstrip(".")
