"""The table that most pages show, as HTML."""

from __future__ import annotations


def table(head: str, rows: str) -> str:
    """A card with a table that scrolls sideways where it is too wide; `head` are its `th`, `rows` its `tr`."""
    return (
        '<div class="card card-flush table-scroll">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
