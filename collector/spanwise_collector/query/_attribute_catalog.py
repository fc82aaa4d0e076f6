"""Which attributes there are, by scope and key, with the types of their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spanwise_collector.query._values import Json, text
from spanwise_collector.query.filter import Attribute, Scope, written
from spanwise_collector.store import ClientPool

# The query of each scope, and what it is asked for besides.
_QUERIES: dict[str, tuple[str, dict[str, Any]]] = {
    "resource": ("attribute_keys_of_origins", {"of_scope": False}),
    "scope": ("attribute_keys_of_origins", {"of_scope": True}),
    "span": ("attribute_keys_of_spans", {}),
    "event": ("attribute_keys_of_items", {"of_links": False}),
    "link": ("attribute_keys_of_items", {"of_links": True}),
}


class AttributeCatalog:
    def __init__(self, pool: ClientPool) -> None:
        self._pool = pool

    def keys(self, scopes: Sequence[str], service: str, start_ns: int, end_ns: int, limit: int) -> list[Json]:
        """`[{"field", "scope", "key", "types"}]`, at most `limit` of each scope, which are names of _QUERIES.

        The times, nanoseconds since 1970, are for events and links alone, of which there is no catalog.
        """
        given = {"service": service, "from_ns": start_ns, "to_ns": end_ns, "limit": limit}
        found = []
        for scope in scopes:
            query, of_scope = _QUERIES[scope]
            for key, kinds in self._pool.rows(query, given | of_scope):
                name = text(key)
                field = written(Attribute(Scope(scope), name))
                found.append({"field": field, "scope": scope, "key": name, "types": [text(kind) for kind in kinds]})
        return found
