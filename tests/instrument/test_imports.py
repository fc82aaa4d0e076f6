"""Arrows run one way: who may import whom, held by reading the source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "spanwise": ROOT / "instrument" / "spanwise",
    "spanwise_collector": ROOT / "collector" / "spanwise_collector",
    "spanwise_dashboards": ROOT / "dashboards" / "spanwise_dashboards",
    "spanwise_samples": ROOT / "sample_services" / "spanwise_samples",
}
MAY_IMPORT = {
    "spanwise": set(),
    "spanwise_collector": {"spanwise"},
    "spanwise_dashboards": {"spanwise"},
    "spanwise_samples": {"spanwise"},
}
# What `pip install spanwise` brings.
RUN_TIME = {"opentelemetry", "prometheus_client"}


def modules(package: str) -> list[Path]:
    found = sorted(PACKAGES[package].rglob("*.py"))
    assert found, f"no source of {package}"
    return found


def imports(tree: ast.AST, *, inside_functions: bool) -> Iterator[str]:
    """The absolute names a module imports; not those under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for other in node.orelse:
                yield from imports(other, inside_functions=inside_functions)
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not inside_functions:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:  # else it stays within its package
                yield node.module or ""
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name | ast.Attribute)
            and (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) == "import_module"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value)
        yield from imports(node, inside_functions=inside_functions)


def tops(path: Path, *, inside_functions: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {name.partition(".")[0] for name in imports(tree, inside_functions=inside_functions)}


@pytest.mark.parametrize("package", PACKAGES)
def test_between_the_parts(package: str) -> None:
    ours = set(PACKAGES) - {package} - MAY_IMPORT[package]
    for path in modules(package):
        wrong = tops(path, inside_functions=True) & ours
        assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(wrong)}"


def test_nothing_imports_the_collector_not_even_for_types() -> None:
    for package in PACKAGES:
        if package == "spanwise_collector":
            continue
        for path in modules(package):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom | ast.Import):
                    assert "spanwise_collector" not in ast.unparse(node), path


def test_the_library_needs_what_a_bare_install_brings() -> None:
    allowed = RUN_TIME | {"spanwise"} | set(sys.stdlib_module_names)
    for path in modules("spanwise"):
        wrong = tops(path, inside_functions=False) - allowed
        assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(wrong)} when it is loaded"


def test_the_project_declares_exactly_that() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = text.partition("\ndependencies = [")[2].partition("]")[0]
    names = {line.strip().strip('",').partition(">")[0] for line in declared.splitlines() if line.strip()}
    assert names == {"opentelemetry-sdk", "prometheus-client"}


def test_this_test_can_see(tmp_path: Path) -> None:
    module = tmp_path / "x.py"
    module.write_text(
        "from typing import TYPE_CHECKING\nimport one.two\nif TYPE_CHECKING:\n    import three\n"
        "try:\n    import four\nexcept ImportError:\n    pass\n"
        "def f():\n    import five\n    import_module('six.seven')\nclass C:\n    import eight\n"
    )
    assert tops(module, inside_functions=False) == {"typing", "one", "four", "eight"}
    assert tops(module, inside_functions=True) == {"typing", "one", "four", "five", "six", "eight"}
