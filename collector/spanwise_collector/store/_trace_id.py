"""Trace ids as statements take them."""

from __future__ import annotations

import re

_TRACE_ID = re.compile(r"[0-9a-f]{32}")


def checked(trace_id: str) -> str:
    """The id, if it is 32 hexadecimal digits in lower case; raises ValueError for another."""
    if not _TRACE_ID.fullmatch(trace_id):
        raise ValueError(f"{trace_id[:60]!r} is not a trace id: 32 hexadecimal digits")
    return trace_id
