"""Routes as values: path, handler, title, group, tier, methods. Built-in pages and a service's own use the same one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from spanwise.admin.merge import Merge
from spanwise.admin.messages import Handler, Tier

_H = TypeVar("_H", bound=Handler)
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_PATH = re.compile(r"/[!-~]*")
_NEEDS_QUOTES = re.compile(r"[^\w/.:-]")

# The index's groups, in twitter-server's words and order; others follow by name.
GROUPS = ("Process Info", "Performance Profile", "Utilities", "Metrics", "Misc")
# A route of this group works and is not in the index.
UNLISTED = ""


@dataclass(frozen=True)
class Route:
    """A `path` that ends in `/*` answers everything below it. `parameters` are shown in the docs, and so is `example`:
    a path with its query, which a route for everything below a path needs.

    `probe` routes are answered by threads of their own: such a handler must return at once. An `entrance` is for who
    is not trusted yet: a mutating route that keeps the checks against other sites' pages and needs no token. What an
    `every_worker` route does, all workers of the service do, unless the request names one. `merge` makes one answer of
    theirs for `worker=all`; without it they are listed.
    """

    path: str
    handler: Handler
    title: str
    group: str
    tier: Tier = Tier.SENSITIVE
    methods: tuple[str, ...] = ("GET",)
    parameters: tuple[str, ...] = ()
    probe: bool = False
    entrance: bool = False
    every_worker: bool = False
    example: str = ""
    merge: Merge | None = None

    def __post_init__(self) -> None:
        if not _PATH.fullmatch(self.path) or "?" in self.path:
            raise ValueError(f"admin route {self.path!r}: a path starts with / and has no spaces and no query.")
        if not self.methods or any(method != method.upper() for method in self.methods):
            raise ValueError(f"admin route {self.path}: methods are upper-case names such as GET, not {self.methods}.")
        if (self.tier is Tier.MUTATING) == bool(_SAFE_METHODS & set(self.methods)):
            raise ValueError(
                f"admin route {self.path}: {', '.join(self.methods)} and tier {self.tier.value} do not go together:"
                " GET changes nothing, and every other method is of the mutating tier."
            )

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """`("name=…", "verbose")` -> `("name", "verbose")`."""
        return tuple(parameter.partition("=")[0] for parameter in self.parameters)

    @property
    def shown_example(self) -> str:
        """As it is typed: `curl -X POST 'localhost:9990/admin/drain?off=true'`."""
        address = f"localhost:9990{self.example or self.path}"
        method = "" if self.methods[0] == "GET" else f"-X {self.methods[0]} "
        quote = "'" if _NEEDS_QUOTES.search(address) else ""
        return f"curl {method}{quote}{address}{quote}"

    @property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return (self.handler.__doc__ or self.title).strip().partition("\n")[0].rstrip(".")


class Routes:
    """The registered routes. The longest path that matches answers; a later route replaces an equal one."""

    def __init__(self) -> None:
        self._by_path: dict[str, dict[str, Route]] = {}

    def add(self, route: Route) -> None:
        self._by_path.setdefault(route.path, {}).update(dict.fromkeys(route.methods, route))

    def at(self, path: str) -> dict[str, Route]:
        """The routes of the longest match by method, HEAD beside GET; empty where nothing matches."""
        # Copied, because a service may register a route while a request is looked up.
        candidates = [pattern for pattern in tuple(self._by_path) if _matches(pattern, path)]
        if not candidates:
            return {}
        by_method = dict(self._by_path[max(candidates, key=_length)])
        if "GET" in by_method:
            by_method.setdefault("HEAD", by_method["GET"])
        return by_method

    def all(self) -> list[Route]:
        """Every route once, by path."""
        unique = {id(route): route for by_method in tuple(self._by_path.values()) for route in by_method.values()}
        return sorted(unique.values(), key=lambda route: (route.path, route.methods))

    def listed(self) -> list[Route]:
        """What the index shows: groups in their order, then by title."""
        listed = [route for route in self.all() if route.group != UNLISTED]
        return sorted(listed, key=lambda route: (_group_order(route.group), route.title.lower(), route.path))


ROUTES = Routes()


def route(
    path: str,
    *,
    title: str,
    group: str,
    tier: Tier = Tier.SENSITIVE,
    methods: tuple[str, ...] = ("GET",),
    parameters: tuple[str, ...] = (),
    probe: bool = False,
    entrance: bool = False,
    every_worker: bool = False,
    example: str = "",
    merge: Merge | None = None,
) -> Callable[[_H], _H]:
    """Registers a page of the admin server:

        @spanwise.admin.route("/admin/cache", title="Cache", group="Utilities")
        def cache(request):
            return {"entries": len(CACHE)}

    The handler takes a `Request` and returns text, bytes, a dict, a list, a `Page` or a `Response`.
    Raises ValueError for a path, method or tier that cannot be.
    """

    def register(handler: _H) -> _H:
        flags = probe, entrance, every_worker
        ROUTES.add(Route(path, handler, title, group, tier, methods, parameters, *flags, example, merge))
        return handler

    return register


def docs_table(routes: Iterable[Route]) -> str:
    """The routes as a Markdown table."""
    rows = [
        "| path | method | tier | what it answers | parameters | example |",
        "|---|---|---|---|---|---|",
    ]
    for each in routes:
        parameters = ", ".join(f"`{parameter}`" for parameter in each.parameters)
        cells = (
            f"`{each.path}`",
            ", ".join(each.methods),
            each.tier.value,
            each.summary,
            parameters,
            f"`{each.shown_example}`",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _matches(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("/*") else path == pattern


def _length(pattern: str) -> tuple[int, bool]:
    return len(pattern.removesuffix("*")), not pattern.endswith("/*")


def _group_order(group: str) -> tuple[int, str]:
    return (GROUPS.index(group), "") if group in GROUPS else (len(GROUPS), group.lower())
