"""Services and operations are asked of the store once between two inserts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from spanwise_collector.query import Catalog, _catalog
from spanwise_collector.store import Asking, ClientPool, Store, asking, insert
from tests.collector.otlp_requests import new_trace_id, payload, span


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    opened = store.client()
    yield opened
    opened.close()


def ran(catalog: Catalog, service: str = "") -> tuple[list[str], list[str]]:
    """The operations of the service, or else all services; and the queries that ran for it."""
    with asking(Asking()) as on_behalf_of:
        found = catalog.operations(service) if service else catalog.services()
    return [one["name"] for one in found], [query.name for query in on_behalf_of.ran]


def add(client: Any, service: str, name: str) -> None:
    trace_id = new_trace_id()
    insert(client, payload(span(trace_id=trace_id, name=name), service=service), trace_id)


def test_an_insert_of_this_process_is_known_at_once(client: Any, pool: ClientPool) -> None:
    catalog = Catalog(pool, clock=lambda: 0.0)
    service = new_trace_id()
    for number, name in enumerate(("a", "b")):
        add(client, service, name)
        assert ran(catalog, service) == (["a", "b"][: number + 1], ["operations"])
        services, queries = ran(catalog)
        assert service in services and not queries
        assert services == sorted(services)


def test_an_insert_of_another_process_is_heard_of_after_a_second(
    client: Any, pool: ClientPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_catalog, "inserts_made", lambda: 0)
    now = [0.0]
    catalog = Catalog(pool, clock=lambda: now[0])
    service = new_trace_id()
    assert ran(catalog, service) == ([], ["operations"])
    add(client, service, "a")
    now[0] = 0.9
    assert ran(catalog, service) == ([], [])
    now[0] = 1.0
    assert ran(catalog, service) == (["a"], ["operations"])


@pytest.mark.parametrize("most", ["by our own limit", "by the rows allowed"])
def test_where_there_are_too_many_each_service_is_asked_for(
    client: Any, pool: ClientPool, most: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = new_trace_id()
    add(client, service, "a")
    if most == "by our own limit":
        monkeypatch.setattr(_catalog, "_MOST_OPERATIONS", 1)
    else:
        add(client, new_trace_id(), "b")
        monkeypatch.setattr(pool, "_max_rows", 1)
    catalog = Catalog(pool, clock=lambda: 0.0)
    assert ran(catalog, service)[0] == ["a"]
    monkeypatch.setattr(pool, "_max_rows", 0)
    assert ran(catalog, service) == (["a"], ["operations"])
    services, queries = ran(catalog)
    assert service in services and queries == ["services"]
