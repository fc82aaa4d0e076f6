"""Which service called which, from spans that come in any order."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from spanwise_collector.query import Catalog
from spanwise_collector.store import ClientPool, Linker, Store, insert
from spanwise_collector.store import _edges as edges
from tests.collector.otlp_requests import new_span_id, new_trace_id, payload, span
from tests.collector.running_collector import wait_for

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    opened = store.client()
    yield opened
    opened.close()


@pytest.fixture
def name() -> Callable[[str], str]:
    """Service names of this test's own."""
    suffix = uuid.uuid4().hex[:8]
    return lambda word: f"{word}-{suffix}"


def put(client: Any, service: str, *spans: Any) -> None:
    insert(client, payload(*spans, service=service), uuid.uuid4().hex)


def link_all(client: Any) -> None:
    for minute in edges.unlinked(client):
        edges.link(client, minute)


def found(client: Any, *services: str) -> dict[tuple[str, str, str], tuple[float, float, float]]:
    """`{(parent, child, connection): (calls, errors, seconds)}` of edges between or from these services."""
    rows = client.query(
        "SELECT parent, child, connection, sum(weighted_calls), sum(weighted_errors), sum(weighted_duration_ns) / 1e9"
        " FROM edges WHERE (minute, version) IN"
        " (SELECT minute, max(version) FROM edges WHERE parent = '' GROUP BY minute)"
        " AND parent IN {services:Array(String)} GROUP BY ALL",
        parameters={"services": list(services)},
    ).result_rows
    return {row[:3]: row[3:] for row in rows}


def test_a_call_is_counted_whichever_half_comes_first(client: Any, name: Callable[[str], str]) -> None:
    shop, cart = name("shop"), name("cart")
    for first_is_callee in (False, True):
        trace_id, call = new_trace_id(), new_span_id()
        caller = (shop, span(trace_id=trace_id, span_id=call, kind=CLIENT))
        callee = (cart, span(trace_id=trace_id, parent=call, kind=SERVER, duration_ns=10**9))
        for service, one in (callee, caller) if first_is_callee else (caller, callee):
            put(client, service, one)
            link_all(client)
    assert found(client, shop, cart) == {(shop, cart, "call"): (2, 0, pytest.approx(2))}
    assert edges.unlinked(client) == []


def test_weights_errors_and_connections(client: Any, name: Callable[[str], str]) -> None:
    shop, mail = name("shop"), name("mail")
    trace_id, sent, called = new_trace_id(), new_span_id(), new_span_id()
    now = time.time_ns()
    put(
        client,
        shop,
        span(trace_id=trace_id, span_id=sent, kind=PRODUCER, start_ns=now - 20 * 60 * 10**9),
        span(trace_id=trace_id, span_id=called, kind=CLIENT, start_ns=now),
    )
    late = span(trace_id=trace_id, parent=sent, kind=CONSUMER, start_ns=now, trace_state="ot=th:8")
    failed = span(trace_id=trace_id, parent=called, kind=SERVER, start_ns=now, trace_state="ot=th:c", error=True)
    kept = span(trace_id=trace_id, parent=called, kind=SERVER, start_ns=now, trace_state="spanwise=kept:error")
    put(client, mail, late, failed, kept)
    link_all(client)
    counts = {edge: values[:2] for edge, values in found(client, shop).items()}
    assert counts == {(shop, mail, "message"): (2, 0), (shop, mail, "call"): (4, 4)}


def test_spans_that_came_twice_count_once(client: Any, name: Callable[[str], str]) -> None:
    shop, cart = name("shop"), name("cart")
    trace_id, call = new_trace_id(), new_span_id()
    for _ in range(3):
        put(client, shop, span(trace_id=trace_id, span_id=call, kind=CLIENT))
    callee = span(trace_id=trace_id, span_id=new_span_id(), parent=call, kind=SERVER)
    for _ in range(2):
        put(client, cart, callee)
    link_all(client)
    assert {edge: values[0] for edge, values in found(client, shop).items()} == {(shop, cart, "call"): 1}


def test_a_span_that_client_and_server_share(client: Any, name: Callable[[str], str]) -> None:
    shop, cart, users = name("shop"), name("cart"), name("users")
    trace_id, root, shared, below = (new_trace_id(), *(new_span_id() for _ in range(3)))
    put(
        client,
        shop,
        span(trace_id=trace_id, span_id=root, kind=SERVER),
        span(trace_id=trace_id, span_id=shared, parent=root, kind=CLIENT),
    )
    server = span(trace_id=trace_id, span_id=shared, parent=root, kind=SERVER, attributes={"zipkin.shared": True})
    put(client, cart, server, span(trace_id=trace_id, span_id=below, parent=shared, kind=CLIENT))
    put(client, users, span(trace_id=trace_id, parent=below, kind=SERVER))
    put(client, users, span(trace_id=trace_id, parent=shared, kind=SERVER))
    link_all(client)
    counts = {edge: values[0] for edge, values in found(client, shop, cart, users).items()}
    assert counts == {(shop, cart, "call"): 1, (cart, users, "call"): 2}


def test_a_peer_is_an_edge_until_it_sends_spans_itself(client: Any, name: Callable[[str], str]) -> None:
    shop, cart = name("shop"), name("cart")
    trace_id, call = new_trace_id(), new_span_id()
    put(
        client,
        shop,
        span(trace_id=trace_id, span_id=call, kind=CLIENT, attributes={"peer.service": "cart-behind-a-proxy"}),
        span(trace_id=trace_id, kind=CLIENT, attributes={"db.system.name": "postgresql"}),
        span(trace_id=trace_id, attributes={"peer.service": "not of a client"}),
    )
    link_all(client)
    assert set(found(client, shop)) == {(shop, "cart-behind-a-proxy", "peer"), (shop, "postgresql", "peer")}
    put(client, cart, span(trace_id=trace_id, parent=call, kind=SERVER))
    link_all(client)
    assert set(found(client, shop)) == {(shop, cart, "call"), (shop, "postgresql", "peer")}


def test_slices_together_are_the_whole(
    client: Any, name: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, cart = name("shop"), name("cart")
    callers, callees = [], []
    for _ in range(600):
        trace_id, call = new_trace_id(), new_span_id()
        callers.append(span(trace_id=trace_id, span_id=call, kind=CLIENT))
        callees += [span(trace_id=trace_id, parent=call, kind=SERVER) for _ in range(2)]
    put(client, shop, *callers)
    put(client, cart, *callees)
    monkeypatch.setattr(edges, "_SLICE_SPANS", 256)
    minutes = edges.unlinked(client)
    for minute in minutes:
        edges.link(client, minute)
    assert {edge: values[0] for edge, values in found(client, shop).items()} == {(shop, cart, "call"): 1200}


def test_the_list_of_dependencies_reads_the_newest_version(
    client: Any, pool: ClientPool, name: Callable[[str], str]
) -> None:
    shop, cart = name("shop"), name("cart")
    for _ in range(3):
        trace_id, call = new_trace_id(), new_span_id()
        put(client, shop, span(trace_id=trace_id, span_id=call, kind=CLIENT))
        put(client, cart, span(trace_id=trace_id, parent=call, kind=SERVER, error=True))
        link_all(client)
    now = time.time_ns()
    rows = [row for row in Catalog(pool).dependencies(now - 3600 * 10**9, now) if row[0] == shop]
    assert rows == [(shop, cart, 3, 3)]


def test_the_linker_keeps_up_and_waits_while_an_insert_may_be_half_done(
    store: Store, client: Any, name: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edges, "_INTERVAL_S", 0.05)
    shop, cart = name("shop"), name("cart")
    inserts: list[int | None] = [None]

    @contextmanager
    def inserts_so_far() -> Iterator[int | None]:
        yield inserts[0]

    linker = Linker(store, inserts_so_far)
    linker.start()
    try:
        for count in (1, 2):
            trace_id, call = new_trace_id(), new_span_id()
            put(client, shop, span(trace_id=trace_id, span_id=call, kind=CLIENT))
            put(client, cart, span(trace_id=trace_id, parent=call, kind=SERVER))
            if count == 1:
                time.sleep(0.3)
                assert found(client, shop) == {}
            inserts[0] = count
            wait_for(lambda n=count: [v[0] for v in found(client, shop).values()] == [n], what="the edge")
    finally:
        linker.stop(60)


def due_when_quiet(store: Store, client: Any, monkeypatch: pytest.MonkeyPatch) -> list[edges.Minute]:
    """What is to be linked once busy minutes have been quiet for long enough; before, nothing is."""

    @contextmanager
    def one_insert() -> Iterator[int | None]:
        yield 1

    monkeypatch.setattr(edges, "_BUSY_SPANS", 10)
    monkeypatch.setattr(edges, "_QUIET_S", 3600)
    linker = Linker(store, one_insert)
    assert linker._due(client) == [] and linker._due(client) == []
    monkeypatch.setattr(edges, "_QUIET_S", 0)
    return linker._due(client)


def test_a_busy_minute_waits_until_it_is_quiet(
    store: Store, client: Any, name: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    link_all(client)
    put(client, name("shop"), *(span() for _ in range(20)))
    minutes = edges.unlinked(client)
    assert due_when_quiet(store, client, monkeypatch) == minutes


def put_old_call(client: Any, shop: str, cart: str, times: int = 1) -> None:
    """A call of three hours ago, as an import brings it."""
    start = time.time_ns() - 3 * 3600 * 10**9
    for _ in range(times):
        trace_id, call = new_trace_id(), new_span_id()
        put(client, shop, span(trace_id=trace_id, span_id=call, kind=CLIENT, start_ns=start))
        put(client, cart, span(trace_id=trace_id, parent=call, kind=SERVER, start_ns=start))


def test_old_calls_that_are_imported_are_linked_soon(
    store: Store, client: Any, name: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    link_all(client)
    inserts = [1]

    @contextmanager
    def inserts_so_far() -> Iterator[int | None]:
        yield inserts[0]

    linker = Linker(store, inserts_so_far)
    assert linker._due(client) == []
    put_old_call(client, name("shop"), name("cart"))
    inserts[0] = 2
    assert linker._due(client) == [], "all was looked at a moment ago"
    monkeypatch.setattr(edges, "_LOOK_AT_ALL_SOON_S", 0.0)
    monkeypatch.setattr(edges, "_LOOK_REST_FACTOR", 0)
    (due,) = linker._due(client)
    assert due.spans >= 2
    assert linker._due(client) == [], "nothing was inserted since"


def test_an_old_busy_minute_is_linked_when_it_is_quiet(
    store: Store, client: Any, name: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    link_all(client)
    put_old_call(client, name("shop"), name("cart"), times=6)
    assert len(due_when_quiet(store, client, monkeypatch)) == 1


def test_spans_of_the_last_second_of_a_minute(client: Any, name: Callable[[str], str]) -> None:
    """Alone in their day, so that nothing else is in their part: the engine prunes it where it compares in seconds."""
    shop, cart = name("shop"), name("cart")
    at = (time.time_ns() // (60 * 10**9) - 5 * 1440) * 60 * 10**9 + 59_640_000_000
    trace_id, call = new_trace_id(), new_span_id()
    put(client, shop, span(trace_id=trace_id, span_id=call, kind=CLIENT, start_ns=at))
    put(client, cart, span(trace_id=trace_id, parent=call, kind=SERVER, start_ns=at + 10_000_000))
    link_all(client)
    assert found(client, shop, cart)[shop, cart, "call"][0] == 1
