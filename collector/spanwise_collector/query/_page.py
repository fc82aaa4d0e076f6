"""Where a page of a search ends: opaque text for whoever asks, the last trace's place in the order for us."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

_LONGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of a trace: by key descending, then start descending, then id."""

    key: int
    start_ns: int
    trace_id: str


BEGINNING = Cursor(_LONGEST, _LONGEST, "")


def written(cursor: Cursor, order: str) -> str:
    """`order` is the search's; a page of another order is refused."""
    text = f"{order}.{cursor.key}.{cursor.start_ns}.{cursor.trace_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(page: str, order: str) -> Cursor:
    """Raises ValueError, with a line for people."""
    try:
        given, key, start, trace_id = base64.urlsafe_b64decode(page + "=" * (-len(page) % 4)).decode().split(".")
        cursor = Cursor(int(key), int(start), trace_id)
    except (ValueError, binascii.Error):
        raise _wrong("page is not one that an answer gave as next_page") from None
    if given != order:
        raise _wrong("page belongs to a search with another sort or order")
    if abs(cursor.key) > _LONGEST or not 0 <= cursor.start_ns <= _LONGEST:
        raise _wrong("page is not one that an answer gave as next_page")
    return cursor


def _wrong(what: str) -> ValueError:
    return ValueError(f"{what}: leave it out to begin anew")
