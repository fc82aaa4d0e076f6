"""The contract of HTTP servers: big enough, held by every framework, and small to join."""

from __future__ import annotations

import importlib
import inspect

from tests.instrument.http_contract import HttpServerContract

_MODULES = ("test_flask", "test_django", "test_starlette", "test_wsgi", "test_asgi")
_FEWEST_BEHAVIOURS = 40
_MOST_LINES = 30


def _adapters() -> dict[str, type[HttpServerContract]]:
    modules = [importlib.import_module(f"tests.instrument.{name}") for name in _MODULES]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if name.startswith("Test") and issubclass(value, HttpServerContract)
    }


def test_it_has_enough_behaviours() -> None:
    assert len([name for name in dir(HttpServerContract) if name.startswith("test_")]) >= _FEWEST_BEHAVIOURS


def test_every_framework_holds_it() -> None:
    wanted = {"TestFlask", "TestDjangoByWSGI", "TestDjangoByASGI", "TestFastAPI", "TestStarlette", "TestPlainWSGI"}
    assert wanted | {"TestPlainASGI"} <= set(_adapters())


def test_an_adapter_is_short() -> None:
    lengths = {name: len(inspect.getsource(adapter).splitlines()) for name, adapter in _adapters().items()}
    assert {name: length for name, length in lengths.items() if length >= _MOST_LINES} == {}
