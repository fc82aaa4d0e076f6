"""Links: to a board that exists, or to an address outside."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from spanwise_dashboards.checks.finding import Finding, Json, on_board, on_panel, panels_of
from spanwise_dashboards.variables import variables_in

_BOARD = re.compile(r"/d/([^/?]+)")
# What Grafana fills in on links beside variables; `__data`, `__field` and `__value` go on with a path.
_BUILT_IN = {"__url_time_range", "__data", "__field", "__value", "__all_variables"}


def _links_of(board: Json) -> Iterator[tuple[str, str]]:
    """Where each link is, and its address."""
    for link in board.get("links", []):
        yield on_board(board, "").where, link.get("url", "")
    for panel in panels_of(board):
        config = panel.get("fieldConfig", {})
        links = [*panel.get("links", []), *config.get("defaults", {}).get("links", [])]
        for override in config.get("overrides", []):
            for item in override.get("properties", []):
                if item.get("id") == "links":
                    links += item["value"]
        for link in links:
            yield on_panel(board, panel, "").where, link.get("url", "")


def links_lead_somewhere(board: Json) -> Iterator[Finding]:
    known = {variable["name"] for variable in board.get("templating", {}).get("list", [])} | _BUILT_IN
    for where, url in _links_of(board):
        if not url.startswith(("/d/", "http://", "https://", "${__value.text}")):
            yield Finding(where, f"the link {url!r} is neither a board's nor an http address")
        for name in sorted(variables_in(url) - known):
            yield Finding(where, f"the link {url!r} names ${name}, which this board does not have")


def leads(board: Json) -> list[tuple[str, str, str]]:
    """Where each link to a board is, its address and the uid it leads to."""
    found = ((where, url, _BOARD.match(url)) for where, url in _links_of(board))
    return [(where, url, match[1]) for where, url, match in found if match]


def board_links_resolve(uids: Collection[str], every_lead: Iterable[tuple[str, str, str]]) -> Iterator[Finding]:
    for where, url, uid in every_lead:
        if uid not in uids:
            yield Finding(where, f"the link {url!r} leads to the board {uid!r}, which is not generated")
