"""What was changed through the admin interface, by whom: a log line each, and the latest ones in memory.

What was refused is kept apart, so that who keeps trying cannot push out what was really done.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanwise.admin.messages import Request
    from spanwise.admin.routes import Route

MOST_KEPT = 500
_MAX_VALUE = 80

_log = logging.getLogger("spanwise.audit")


@dataclass(frozen=True, slots=True)
class Entry:
    """One attempt. `at` is in Unix seconds; `by` is how the client was trusted, "" when it was not."""

    at: float
    method: str
    path: str
    parameters: tuple[tuple[str, str], ...]
    peer: str
    by: str
    status: int

    @property
    def line(self) -> str:
        given = "".join(f" {name}={value}" for name, value in self.parameters)
        return f"{self.method} {self.path}{given}"


class Audit:
    """The latest changes and the latest refusals, newest first."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._done: deque[Entry] = deque(maxlen=most)
        self._refused: deque[Entry] = deque(maxlen=most)

    def done(self, route: Route, request: Request, status: int) -> None:
        """Notes what a handler did. A warning, so that it is in the log of a service that configures none."""
        entry = _entry(route, request, status)
        self._done.appendleft(entry)
        _log.warning(
            "admin: %s from %s (%s): %d", entry.line, entry.peer or "unknown", entry.by or "not trusted", status
        )

    def refused(self, route: Route, request: Request, status: int) -> None:
        entry = _entry(route, request, status)
        self._refused.appendleft(entry)
        _log.info("admin: refused %s from %s: %d", entry.line, entry.peer or "unknown", status)

    @property
    def changes(self) -> list[Entry]:
        return list(self._done)

    @property
    def refusals(self) -> list[Entry]:
        return list(self._refused)


def _entry(route: Route, request: Request, status: int) -> Entry:
    path = _printable(request.path)
    return Entry(time.time(), request.method, path, _named(route, request), request.peer, request.trusted_by, status)


def _named(route: Route, request: Request) -> tuple[tuple[str, str], ...]:
    """The values of the parameters that the route documents; what else was sent may be a secret."""
    from spanwise.admin.messages import Invalid

    try:
        fields = request.fields
    except Invalid:
        return ()
    return tuple((name, _printable(fields[name][-1])) for name in route.parameter_names if fields.get(name))


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text[:_MAX_VALUE])


AUDIT = Audit()
