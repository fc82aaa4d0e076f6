"""The docs name every setting, metric, endpoint and flag; a page that disagrees with the code fails the build."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from spanwise.standard import METRICS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def all_pages() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in (*DOCS.glob("*.md"), ROOT / "README.md"))


@pytest.mark.parametrize("name", ["settings.md", "metrics.md"])
def test_generated_page_is_fresh(generator: ModuleType, name: str) -> None:
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == generator.PAGES[name](), f"docs/{name} is stale: run `make docs`"


def test_every_setting_and_flag_is_named(generator: ModuleType) -> None:
    text = all_pages()
    missing = [
        word
        for _, _, table in generator.PARTS
        for row in table
        for word in (row.variable, row.flag)
        if word and f"`{word}`" not in text
    ]
    assert missing == []


def test_every_metric_is_named() -> None:
    text = all_pages()
    assert [row.name for row in METRICS if f"`{row.name}`" not in text] == []


def test_every_admin_endpoint_is_named() -> None:
    """Asked in a process of its own: tests of other parts register routes too."""
    script = (
        "from spanwise.admin import builtin; from spanwise.admin.routes import ROUTES; builtin.register();"
        "print(*(route.path for route in ROUTES.listed()), sep='\\n')"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    page = (DOCS / "admin.md").read_text(encoding="utf-8")
    paths = shown.stdout.split()
    assert len(paths) >= 10
    assert [path for path in paths if f"`{path}`" not in page] == []


def test_every_collector_endpoint_is_named() -> None:
    from spanwise_collector.app import create_app

    pages = ("collector.md", "collector-api.md", "query-apis.md")
    page = "".join((DOCS / name).read_text(encoding="utf-8") for name in pages)
    app = create_app(cast(Any, None))  # the routes do not depend on what answers them
    rules = [re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) for rule in app.url_map.iter_rules()]
    paths = ["/v1/traces", *(path for path in rules if not path.startswith("/static/"))]
    assert len(paths) > 10
    assert [path for path in paths if f"{path}`" not in page and f"{path}?" not in page] == []


@pytest.mark.parametrize("command", ["admin", "collector", "dashboards", "demo", "run", "traces"])
def test_every_flag_of_a_command_is_named(command: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "spanwise.command", command, "--help"], capture_output=True, text=True, timeout=60
    )
    assert shown.returncode == 0, shown.stderr
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", shown.stdout)) - {"--help"}
    text = all_pages()
    assert [flag for flag in sorted(flags) if flag not in text] == []


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in (*DOCS.rglob("*.md"), ROOT / "README.md", *ROOT.glob("*/RATIONALE.md")):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)} -> {target}")
    assert broken == []
