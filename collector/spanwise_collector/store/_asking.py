"""What one request asks of the store: which queries ran for it and for how long, and whether anybody still waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ran:
    """One query, or statement, that ran. `sql` has names of bound parameters (`{start:Int64}`), never their values."""

    name: str
    sql: str
    duration_s: float
    row_count: int


@dataclass(slots=True)
class Asking:
    """`cancelled` tells whether whoever asked has gone away: then what still runs for them is stopped."""

    cancelled: Callable[[], bool] | None = None
    ran: list[Ran] = field(default_factory=list)


_CURRENT: ContextVar[Asking | None] = ContextVar("asking", default=None)


def current() -> Asking | None:
    """That of the request which this thread is at; None outside of one."""
    return _CURRENT.get()


@contextmanager
def asking(on_behalf_of: Asking) -> Iterator[Asking]:
    """Queries of this thread belong to it meanwhile."""
    token = _CURRENT.set(on_behalf_of)
    try:
        yield on_behalf_of
    finally:
        _CURRENT.reset(token)


@contextmanager
def noted(name: str, sql: str, row_count: int = 0) -> Iterator[None]:
    """What runs meanwhile is noted with this thread's request, if it is at one."""
    began = time.perf_counter()
    yield
    on_behalf_of = current()
    if on_behalf_of is not None:
        on_behalf_of.ran.append(Ran(name, sql, time.perf_counter() - began, row_count))
