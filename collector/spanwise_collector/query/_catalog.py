"""Which services and operations there are."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from spanwise_collector.query._remembered import Remembered
from spanwise_collector.query._values import Json, text
from spanwise_collector.store import ClientPool, QueryTooLargeError, inserts_made

# How long another collector on the same store may add without being heard of.
_KEPT_S = 1.0
_MOST_OPERATIONS = 10_000

# By service, both by name.
_Operations = dict[str, list[Json]]


class Catalog:
    """Thread-safe. Services and operations are asked of the store once between two inserts. What is given is shared:
    not to be changed.
    """

    def __init__(self, pool: ClientPool, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._operations = Remembered(self._all, inserts_made, _KEPT_S, clock)

    def services(self) -> list[dict[str, Any]]:
        """`[{"name"}]`, by name."""
        operations = self._operations()
        if operations is not None:
            return [{"name": service} for service in operations]
        return [{"name": text(row[0])} for row in self._pool.rows("services")]

    def operations(self, service: str = "") -> list[dict[str, Any]]:
        """`[{"service", "name", "kind"}]` of one service, or of all; 10,000 at most."""
        operations = self._operations()
        if operations is None:
            return self._read(service)
        if service:
            return operations.get(service, [])
        return [operation for of_service in operations.values() for operation in of_service]

    def _all(self) -> _Operations | None:
        """None where they are too many."""
        try:
            found = self._read("")
        except QueryTooLargeError:
            return None
        if len(found) == _MOST_OPERATIONS:
            return None
        operations: _Operations = {}
        for operation in found:
            operations.setdefault(operation["service"], []).append(operation)
        return operations

    def _read(self, service: str) -> list[Json]:
        rows = self._pool.rows("operations", {"service": service, "limit": _MOST_OPERATIONS})
        return [{"service": text(row[0]), "name": text(row[1]), "kind": text(row[2])} for row in rows]

    def services_like(self, name: str) -> list[str]:
        """The services of this name, in whatever case: Zipkin's clients have it in lower case."""
        return [found["name"] for found in self.services() if found["name"].lower() == name.lower()]

    def remote_services(self, services: list[str]) -> list[str]:
        """The peers that spans of these services name."""
        return [text(row[0]) for row in self._pool.rows("remote_services", {"services": services})]

    def dependencies(self, from_ns: int, to_ns: int) -> list[tuple[str, str, int, int]]:
        """`(caller, callee, calls, failed calls)` of the spans that started between."""
        rows = self._pool.rows("dependencies", {"from_ns": from_ns, "to_ns": to_ns})
        return [(text(row[0]), text(row[1]), row[2], row[3]) for row in rows]

    def pins(self) -> list[Json]:
        """The pinned traces, newest pin first, in the shape of docs/collector-api.md."""
        return [
            {
                "trace_id": text(trace_id),
                "pinned_unix_nano": str(pinned_at_s * 10**9),
                "note": text(note),
                "root_service": text(root_service),
                "root_name": text(root_name),
                "start_unix_nano": str(start_ns),
                "duration_ns": duration_ns,
                "span_count": span_count,
                "error_count": error_count,
            }
            for (
                trace_id,
                pinned_at_s,
                note,
                start_ns,
                duration_ns,
                span_count,
                error_count,
                root_service,
                root_name,
            ) in self._pool.rows("pins")
        ]

    def attribute_names(self, limit: int = 5000) -> list[str]:
        """The keys of span attributes, by name."""
        return [text(row[0]) for row in self._pool.rows("attribute_names", {"limit": limit})]

    def attribute_values(self, key: str, from_ns: int, to_ns: int, limit: int = 1000) -> list[tuple[str, str]]:
        """`(type, text)` of the values of a span attribute, most frequent first."""
        found = self._pool.rows("attribute_values", {"key": key, "from_ns": from_ns, "to_ns": to_ns, "limit": limit})
        return [(text(row[0]), text(row[1])) for row in found]
