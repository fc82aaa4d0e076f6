"""Every example of docs/instrument.md is a whole program that runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.instrument.conftest import clean_environ

PAGE = Path(__file__).parents[2] / "docs" / "instrument.md"
TEXT = PAGE.read_text(encoding="utf-8")
SECTION = re.compile(r"^#+ ([^\n]*)$|^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str]]:
    """Each program with the heading it stands under."""
    found, heading = [], ""
    for match in SECTION.finditer(TEXT):
        heading = match[1] or heading
        if match[2]:
            found.append((f"{heading} {len(found)}", match[2]))
    return found


@pytest.mark.parametrize("program", [pytest.param(program, id=name) for name, program in examples()])
def test_an_example_runs(program: str, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(program)
    ran = subprocess.run(
        [sys.executable, str(script)], env=clean_environ(), cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr


def test_there_are_examples() -> None:
    assert len(examples()) >= 10


def test_headings_that_the_page_links_to_exist() -> None:
    titles = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    headings = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert [anchor for anchor in re.findall(r"\]\(#([^)]+)\)", TEXT) if anchor not in headings] == []
