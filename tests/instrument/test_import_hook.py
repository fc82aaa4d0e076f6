"""A hook runs right after its module's import, whoever comes first, and never breaks it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from spanwise import import_hook
from spanwise.import_hook import when_imported

Make = Callable[..., str]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Writes a module that can be imported, under a name that nobody has."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def make_module(name: str, text: str = "value = 1\n") -> str:
        path = tmp_path.joinpath(*name.split("."))
        if "." in name:
            path.parent.mkdir(exist_ok=True)
            (path.parent / "__init__.py").touch()
        path.with_suffix(".py").write_text(text)
        importlib.invalidate_caches()
        return name

    yield make_module
    for name in set(sys.modules) - before:
        if name.startswith("hooked_"):
            del sys.modules[name]
    import_hook._FINDER.hooks.clear()


def test_after_the_import(make: Make) -> None:
    seen: list[int] = []
    when_imported(make("hooked_one"), lambda module: seen.append(module.value))
    assert seen == []
    importlib.import_module("hooked_one")
    assert seen == [1]
    importlib.import_module("hooked_one")
    assert seen == [1]


def test_at_once_when_it_is_there_already(make: Make) -> None:
    importlib.import_module(make("hooked_two"))
    seen: list[str] = []
    when_imported("hooked_two", lambda module: seen.append(module.__name__))
    assert seen == ["hooked_two"]


def test_of_a_submodule(make: Make) -> None:
    seen: list[str] = []
    when_imported(make("hooked_package.inner"), lambda module: seen.append(module.__name__))
    importlib.import_module("hooked_package")
    assert seen == []
    importlib.import_module("hooked_package.inner")
    assert seen == ["hooked_package.inner"]


def test_nothing_is_imported_on_its_behalf(make: Make) -> None:
    when_imported(make("hooked_three"), lambda module: None)
    assert "hooked_three" not in sys.modules


def test_the_module_keeps_its_own_loader(make: Make) -> None:
    name = make("hooked_four", "import importlib.resources\nloader = __loader__\nspec_loader = __spec__.loader\n")
    when_imported(name, lambda module: None)
    module = importlib.import_module(name)
    assert type(module.__loader__).__name__ == "SourceFileLoader"
    assert module.loader is module.spec_loader is module.__loader__
    assert importlib.reload(module).value_error if hasattr(module, "value_error") else True


def test_the_last_hook_wins(make: Make) -> None:
    seen: list[str] = []
    name = make("hooked_five")
    when_imported(name, lambda module: seen.append("first"))
    when_imported(name, lambda module: seen.append("second"))
    importlib.import_module(name)
    assert seen == ["second"]


def test_a_hook_that_fails_does_not_break_the_import(make: Make, said: list[str]) -> None:
    def hook(module: ModuleType) -> None:
        raise AttributeError("another version than we know")

    when_imported(make("hooked_six"), hook)
    assert importlib.import_module("hooked_six").value == 1
    assert len(said) == 1
    assert "hooked_six" in said[0]
    when_imported("hooked_six", hook)  # now it is there
    assert len(said) == 2


def test_a_module_that_fails_is_tried_again(make: Make, tmp_path: Path) -> None:
    seen: list[str] = []
    name = make("hooked_seven", "raise ImportError('not yet')\n")
    when_imported(name, lambda module: seen.append("there"))
    with pytest.raises(ImportError, match="not yet"):
        importlib.import_module(name)
    make("hooked_seven", "value = 2\nmore = 'so that its size differs'\n")
    importlib.import_module(name)
    assert seen == ["there"]


def test_a_module_that_does_not_exist() -> None:
    when_imported("hooked_nowhere", lambda module: None)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("hooked_nowhere")
    assert importlib.util.find_spec("hooked_nowhere") is None


def test_many_threads_import_once(make: Make) -> None:
    seen: list[str] = []
    name = make("hooked_eight", "import time\ntime.sleep(0.05)\nvalue = 1\n")
    when_imported(name, lambda module: seen.append("there"))
    threads = [threading.Thread(target=importlib.import_module, args=(name,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["there"]
