"""From the spool into the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spanwise.settings import resolve
from spanwise_collector.feeder import Feeder, most_batch_bytes
from spanwise_collector.settings import SETTINGS
from spanwise_collector.spool import Spool
from spanwise_collector.store import Store
from tests.collector.otlp_requests import payload, span
from tests.collector.running_collector import wait_for

StartFeeder = Callable[..., Feeder]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool", 64 * 2**20)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def start_feeder(spool: Spool, store: Store) -> Iterator[StartFeeder]:
    feeders: list[Feeder] = []

    def start(into: Any = store, max_batch_bytes: int = 2**20) -> Feeder:
        feeder = Feeder(spool, into, interval_s=0.05, max_batch_bytes=max_batch_bytes)
        feeder.start()
        feeders.append(feeder)
        return feeder

    yield start
    for feeder in feeders:
        feeder.stop(2.0)


def count(store: Store, service: str) -> int:
    client = store.client()
    try:
        found = client.query("SELECT count() FROM spans WHERE service = {s:String}", parameters={"s": service})
        return int(found.result_rows[0][0])
    finally:
        client.close()


def test_what_is_spooled_is_stored(spool: Spool, store: Store, start_feeder: StartFeeder) -> None:
    start_feeder()
    for _ in range(5):
        spool.append(payload(span(), span(), service="fed"), 2)
    wait_for(lambda: count(store, "fed") == 10, what="10 stored spans")
    wait_for(lambda: spool.state().waiting_bytes == 0, what="an empty spool")


@pytest.mark.parametrize("poison_at", [0, 6, 12])
def test_one_poison_request_is_set_aside_and_the_rest_stored(
    spool: Spool, store: Store, start_feeder: StartFeeder, tmp_path: Path, poison_at: int
) -> None:
    service = f"poisoned-{poison_at}"
    poison = payload(span(), service=service)[:-3]
    for i in range(13):
        spool.append(poison if i == poison_at else payload(span(), service=service), 1)
    start_feeder()
    wait_for(lambda: count(store, service) == 12, what="12 stored spans")
    (kept,) = wait_for(lambda: list((tmp_path / "spool" / "refused").glob("*.otlp")), what="the refused request")
    assert kept.read_bytes() == poison
    assert "Code:" in kept.with_suffix(".txt").read_text()
    wait_for(lambda: not spool.state().waiting_bytes, what="an empty spool")
    assert count(store, service) == 12


def test_fields_of_a_wrong_wire_type_are_left_out_as_protobuf_does(
    spool: Spool, store: Store, start_feeder: StartFeeder, tmp_path: Path
) -> None:
    """Protobuf's parser takes such a field for an unknown one; the engine's would refuse the request."""
    whole = payload(span(name="wired"), service="wired")
    changed = whole.replace(b"\x2a\x05wired", b"\x28\x05\x4a\x03\x0a\x01a")  # name=5 as a number, and an attribute
    assert len(changed) == len(whole)
    assert changed != whole
    for body in (whole, changed, whole):
        spool.append(body, 1)
    start_feeder(store)
    wait_for(lambda: count(store, "wired") == 3, 30, what="3 stored spans")
    assert not (tmp_path / "spool" / "refused").exists()


class AwayStore:
    """A store that cannot be reached until it is told to be."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.away = True

    def client(self) -> Any:
        if self.away:
            raise ConnectionError("connection refused")
        return self._store.client()


def test_while_the_store_is_away_spans_wait_and_nothing_is_lost(
    spool: Spool, store: Store, start_feeder: StartFeeder
) -> None:
    away = AwayStore(store)
    feeder = start_feeder(away)
    for _ in range(4):
        spool.append(payload(span(), service="waited"), 1)
    wait_for(lambda: feeder.failing, what="the failure")
    assert "connection refused" in str(feeder.failing)
    assert spool.state().oldest_age_s > 0
    away.away = False
    wait_for(lambda: count(store, "waited") == 4, what="4 stored spans")
    wait_for(lambda: feeder.failing is None, what="recovery")


def test_stopping_while_the_store_is_away_leaves_it_all_in_the_spool(
    spool: Spool, store: Store, tmp_path: Path, start_feeder: StartFeeder
) -> None:
    feeder = start_feeder(AwayStore(store))
    spool.append(payload(span(), service="kept-in-the-spool"), 1)
    wait_for(lambda: feeder.failing, what="the failure")
    feeder.stop(1.0)
    assert not feeder.is_alive()
    spool.close()
    again = Spool(tmp_path / "spool", 64 * 2**20)
    again.open()
    second = Feeder(again, store, interval_s=0.05, max_batch_bytes=2**20)
    second.start()
    wait_for(lambda: count(store, "kept-in-the-spool") == 1, what="the span")
    second.stop(2.0)
    again.close()


def test_a_crash_between_insert_and_log_stores_nothing_twice(spool: Spool, store: Store, tmp_path: Path) -> None:
    from spanwise_collector.store import insert

    spool.append(payload(span(), span(), service="once"), 2)
    batch = spool.next_batch(2**20)
    assert batch is not None
    client = store.client()
    insert(client, b"".join(body for _, body in spool.payloads(batch)), batch.token)
    client.close()
    spool.close()  # without `stored`: as if killed here
    again = Spool(tmp_path / "spool", 64 * 2**20)
    again.open()
    feeder = Feeder(again, store, interval_s=0.05, max_batch_bytes=2**20)
    feeder.start()
    wait_for(lambda: again.state().waiting_bytes == 0 and again.state().oldest_age_s == 0, what="the replay")
    feeder.stop(2.0)
    again.close()
    assert count(store, "once") == 2


def test_a_batch_is_never_larger_than_the_engines_memory_is_enough_for(tmp_path: Path) -> None:
    small = resolve(SETTINGS, environ={"SPANWISE_COLLECTOR_MEMORY": "256MB"})
    usual = resolve(SETTINGS, environ={})
    embedded = Store("chdb://", tmp_path, 256_000_000)
    server = Store("clickhouse://127.0.0.1:1", tmp_path, 256_000_000)
    assert most_batch_bytes(small, embedded) == 10_240_000
    assert most_batch_bytes(usual, embedded) == 20_480_000
    assert most_batch_bytes(small, server) == most_batch_bytes(usual, server) == 20 * 2**20
