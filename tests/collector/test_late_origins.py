"""A span that can be seen before its resource and scope: the reader asks for these again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from spanwise_collector.query import Json, TraceReader
from spanwise_collector.store import ClientPool, Store, insert
from tests.collector.otlp_requests import new_trace_id, payload, span

ALL_WAYS = {
    "trace": lambda reader, trace_id: reader.trace(trace_id)["spans"],
    "traces": lambda reader, trace_id: reader.traces([trace_id])[0]["spans"],
    "first_spans": lambda reader, trace_id: reader.first_spans([trace_id])[0]["spans"],
    "blocks": lambda reader, trace_id: [one for block in reader.blocks(trace_id) for one in block],
}


class LateOrigins(ClientPool):
    """Origins are there only after they were looked for so often; a fault that the engine shows for milliseconds."""

    def __init__(self, store: Store, times: int) -> None:
        super().__init__(store, size=1, timeout_s=10)
        self.times = times
        self.asked = 0

    def rows(self, query: str, *arguments: Any, **others: Any) -> Any:
        found = super().rows(query, *arguments, **others)
        if query in ("origins", "newest_origins", "trace_origins"):
            self.asked += 1
            return found if self.asked > self.times else []
        return found


@pytest.fixture
def late(store: Store) -> Iterator[Callable[[int], LateOrigins]]:
    made: list[LateOrigins] = []

    def make(times: int) -> LateOrigins:
        made.append(LateOrigins(store, times))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def stored(store: Store, service: str) -> str:
    trace_id = new_trace_id()
    client = store.client()
    insert(client, payload(span(trace_id=trace_id), service=service), trace_id)
    client.close()
    return trace_id


def values(item: Mapping[str, Any]) -> Json:
    return {one["key"]: one["value"] for one in item["attributes"]}


@pytest.mark.parametrize("way", ALL_WAYS)
def test_a_resource_that_comes_later_is_waited_for(store: Store, late: Callable[[int], LateOrigins], way: str) -> None:
    trace_id = stored(store, f"late-{way}")
    pool = late(3)
    (found,) = ALL_WAYS[way](TraceReader(pool), trace_id)
    assert values(found["resource"])["service.name"] == f"late-{way}"
    assert pool.asked == 4


@pytest.mark.parametrize("way", ALL_WAYS)
def test_a_resource_that_never_comes_is_not_waited_for_forever(
    store: Store, late: Callable[[int], LateOrigins], way: str
) -> None:
    trace_id = stored(store, f"never-{way}")
    pool = late(1000)
    (found,) = ALL_WAYS[way](TraceReader(pool), trace_id)
    assert found["service"] == f"never-{way}" and not found["resource"]["attributes"]
    assert 2 < pool.asked < 10


def test_a_resource_that_is_there_is_asked_for_once(store: Store, late: Callable[[int], LateOrigins]) -> None:
    trace_id = stored(store, "prompt")
    pool = late(0)
    for way in ALL_WAYS.values():
        way(TraceReader(pool), trace_id)
    assert pool.asked == len(ALL_WAYS)
