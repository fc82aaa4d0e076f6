"""The generated parts of `docs/admin.md`: what stands between `<!-- generated: NAME -->` and `<!-- end -->`."""

from __future__ import annotations

import re

from spanwise.admin import builtin
from spanwise.admin.limits import limits_table
from spanwise.admin.routes import ROUTES, Route, docs_table

_GENERATED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(page: str) -> str:
    """The page with its generated parts as the code has them now. Raises KeyError for a part nobody generates."""
    parts = {"endpoints": endpoints_table, "limits": limits_table}
    return _GENERATED.sub(lambda match: f"{match[1]}{parts[match[2]]()}\n{match[3]}", page)


def built_in_routes() -> list[Route]:
    """Every built-in route, also those that are not in the index."""
    builtin.register()
    return [each for each in ROUTES.all() if each.handler.__module__.startswith(builtin.__name__)]


def endpoints_table() -> str:
    return docs_table(built_in_routes())
