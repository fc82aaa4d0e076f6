"""The HTML of the pages: `string.Template` files. What is filled in must be escaped by whoever fills it in."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from string import Template


@cache
def template(name: str) -> Template:
    return Template((Path(__file__).parent / name).read_text(encoding="utf-8"))
