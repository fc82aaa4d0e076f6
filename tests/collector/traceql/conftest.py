"""One forest of random traces in the store, for all tests of TraceQL."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from spanwise_collector.query import TraceSearch
from spanwise_collector.store import ClientPool, Store, insert
from spanwise_collector.traceql import TraceQL
from tests.collector.otlp_requests import SECOND
from tests.collector.traceql.evaluator import Trace
from tests.collector.traceql.forest import forest, request_of

AGE_NS = 40 * 3600 * SECOND
TRACES = 120
TIMEOUT_S = 60.0
MAX_SERIES = 500


@dataclass(frozen=True, eq=False)
class Stored:
    traceql: TraceQL
    traces: list[Trace]
    from_ns: int
    to_ns: int


def store_forest(store: Store, pool: ClientPool, seed: int, traces: int, age_ns: int) -> Stored:
    start_ns = time.time_ns() - age_ns
    grown = forest(random.Random(seed), traces, start_ns)
    client = store.client()
    insert(client, b"".join(request_of(trace).SerializeToString() for trace in grown), f"forest-{seed}-{start_ns}")
    client.close()
    traceql = TraceQL(pool, TraceSearch(pool, 7 * 86_400), TIMEOUT_S, MAX_SERIES)
    return Stored(traceql, grown, start_ns, start_ns + 31 * SECOND)


@pytest.fixture(scope="session")
def slow_pool(_engine: Store) -> Iterator[ClientPool]:
    clients = ClientPool(_engine, size=2, timeout_s=TIMEOUT_S)
    yield clients
    clients.close()


@pytest.fixture(scope="session")
def stored(_engine: Store, slow_pool: ClientPool) -> Stored:
    return store_forest(_engine, slow_pool, seed=20261121, traces=TRACES, age_ns=AGE_NS)
