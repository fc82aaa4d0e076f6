"""The pages every service has. Each module registers its routes as a service would: with `@route`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def register() -> None:
    """Loads every module of this folder; the first time, that registers their routes."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
