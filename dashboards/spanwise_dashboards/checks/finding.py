"""What a check reports, and the walk over a board's panels that all checks share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """`where` is the board's title and, of a panel, its own; `rule` is the name of the check."""

    where: str
    message: str
    rule: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def panels_of(board: Json) -> Iterator[Json]:
    """Every panel that is not a row, also those folded into one."""
    for panel in board.get("panels", []):
        if panel.get("type") == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def promql_targets(panel: Json) -> Iterator[Json]:
    """The panel's queries in PromQL. Other data sources have languages of their own, which are not looked at."""
    for target in panel.get("targets", []):
        if source_kind(target) == "prometheus" or (
            source_kind(target) == "" and source_kind(panel) in ("", "prometheus")
        ):
            yield target


def source_kind(holder: Json) -> str:
    """The kind of a query's or panel's data source; empty where it is not said, as with a name alone."""
    source = holder.get("datasource")
    return str(source.get("type") or "") if isinstance(source, dict) else ""


def on_board(board: Json, message: str) -> Finding:
    return Finding(str(board.get("title")), message)


def on_panel(board: Json, panel: Json, message: str) -> Finding:
    return Finding(f"{board.get('title')} / {panel.get('title')}", message)
