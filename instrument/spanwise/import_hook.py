"""Calls a function when a module is there: now if it is imported already, else right after its import.

So it does not matter whether a service imports its client libraries before or after `spanwise.instrument`, and none is
imported on its behalf.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

_log = logging.getLogger("spanwise")

Hook = Callable[[ModuleType], None]


def when_imported(name: str, hook: Hook) -> None:
    """Registers `hook` for the module `name`; a later one replaces an earlier one that has not run yet."""
    module = sys.modules.get(name)
    if module is not None:
        _run(hook, module)
        return
    _FINDER.hooks[name] = hook
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def _run(hook: Hook, module: ModuleType) -> None:
    """A library of another version than the hook knows must not become one that cannot be imported."""
    try:
        hook(module)
    except Exception:
        _log.exception("spanwise: %s could not be instrumented.", module.__name__)


class _Finder(MetaPathFinder):
    def __init__(self) -> None:
        self.hooks: dict[str, Hook] = {}
        self._finding: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self.hooks or fullname in self._finding:
            return None
        self._finding.add(fullname)
        try:
            spec = find_spec(fullname)
        finally:
            self._finding.discard(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _HookedLoader(spec.loader, self)
        return spec


class _HookedLoader(Loader):
    """The module's own loader, and the hook after it."""

    def __init__(self, loader: Loader, finder: _Finder) -> None:
        self._loader = loader
        self._finder = finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        hook = self._finder.hooks.pop(module.__name__, None)
        if hook is not None:
            _run(hook, module)


_FINDER = _Finder()
