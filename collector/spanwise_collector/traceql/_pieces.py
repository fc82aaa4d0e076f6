"""The sections of `pieces.sql`: all the SQL that a query can become. Places take other pieces and bound parameters."""

from __future__ import annotations

from pathlib import Path

from spanwise_collector.query import pieces

_FILE = Path(__file__).parent / "pieces.sql"


def piece(name: str, /, **words: str) -> str:
    """Words must be other pieces, names of ours, or what `Binder.bind` returned; never a user's text."""
    return pieces(_FILE)[name].substitute(words)
