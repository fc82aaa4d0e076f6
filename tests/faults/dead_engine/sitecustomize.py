"""Loaded into a collector by PYTHONPATH: its engine dies when the file of DEAD_ENGINE_FROM comes to be.

Dead is what chDB is after an exception in one of its own threads: it answers every query with ABORTED until the process
ends. The next process takes the file away and has an engine that lives.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

_marker = Path(os.environ.get("DEAD_ENGINE_FROM", "/nowhere"))
_marker.unlink(missing_ok=True)


class Aborted(Exception):
    code = 236

    def __init__(self) -> None:
        super().__init__("Code: 236. DB::Exception: The server is shutting down due to a fatal error. (ABORTED)")


def _die_with_the_marker() -> None:
    from spanwise_collector.store import Store

    client_of = Store.client

    def client(store: Store) -> Any:
        if _marker.exists():
            raise Aborted
        return client_of(store)

    Store.client = client  # type: ignore[method-assign]


_die_with_the_marker()
