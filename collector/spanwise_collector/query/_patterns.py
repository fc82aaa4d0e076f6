"""Whether the engine takes the regular expressions of a question."""

from __future__ import annotations

from collections.abc import Iterable

from spanwise_collector.store import ClientPool


class Patterns:
    """Thread-safe."""

    def __init__(self, pool: ClientPool) -> None:
        self._pool = pool

    def check(self, patterns: Iterable[str]) -> None:
        """Raises BadPatternError. Where no span is, the question itself would not tell."""
        for pattern in dict.fromkeys(patterns):
            self._pool.rows("pattern", {"pattern": pattern})
