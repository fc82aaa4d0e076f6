"""What a reader of traces keeps in memory between them: which traces are pinned, and where spans came from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from spanwise_collector.query import TraceReader, _pinned, _trace
from spanwise_collector.query._pinned import PinnedTraces
from spanwise_collector.store import Asking, ClientPool, Store, asking, insert, pin_trace
from tests.collector.otlp_requests import new_trace_id, payload, request, span


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    opened = store.client()
    yield opened
    opened.close()


def asked(reader: TraceReader, trace_id: str) -> tuple[Any, list[str]]:
    """The trace, and the queries that ran for it."""
    with asking(Asking()) as on_behalf_of:
        trace = reader.trace(trace_id)
    return trace, [ran.name for ran in on_behalf_of.ran]


def test_a_pin_of_this_process_is_known_at_once(client: Any, pool: ClientPool) -> None:
    trace_id = new_trace_id()
    insert(client, payload(span(trace_id=trace_id)), trace_id)
    pinned = PinnedTraces(pool)
    assert "pinned_spans" not in pinned.source(trace_id)
    pin_trace(client, trace_id, "kept", 1000)
    assert "pinned_spans" in pinned.source(trace_id)


def test_a_pin_of_another_process_is_heard_of_after_seconds(
    client: Any, pool: ClientPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace_id = new_trace_id()
    insert(client, payload(span(trace_id=trace_id)), trace_id)
    monkeypatch.setattr(_pinned, "pins_made", lambda: 0)
    now = [0.0]
    pinned = PinnedTraces(pool, clock=lambda: now[0])
    assert "pinned_spans" not in pinned.source(trace_id)
    pin_trace(client, trace_id, "kept", 1000)
    now[0] = 4.9
    assert "pinned_spans" not in pinned.source(trace_id)
    now[0] = 5.0
    assert "pinned_spans" in pinned.source(trace_id)


def test_of_too_many_pins_each_is_asked_for(client: Any, pool: ClientPool, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, other = new_trace_id(), new_trace_id()
    insert(client, payload(span(trace_id=kept), span(trace_id=other)), kept)
    pin_trace(client, kept, "kept", 1000)
    monkeypatch.setattr(_pinned, "_MOST", 0)
    pinned = PinnedTraces(pool)
    assert "pinned_spans" in pinned.source(kept)
    assert "pinned_spans" not in pinned.source(other)


def test_a_resource_is_read_once(client: Any, pool: ClientPool) -> None:
    """Those that are there when the first trace is read come together, a later one alone."""
    reader = TraceReader(pool)
    for expected in (["newest_origins"], ["origins"]):
        host, first, second = new_trace_id(), new_trace_id(), new_trace_id()
        body = request(span(trace_id=first), span(trace_id=second), resource={"host.name": host})
        insert(client, body.SerializeToString(), first)
        trace, ran = asked(reader, first)
        assert [name for name in ran if name.endswith("origins")] == expected
        again, ran = asked(reader, second)
        assert not {"origins", "newest_origins"} & set(ran)
        assert again["spans"][0]["resource"] == trace["spans"][0]["resource"]
        shown = {"key": "host.name", "type": "string", "value": host}
        assert shown in again["spans"][0]["resource"]["attributes"]


def test_what_is_kept_of_resources_is_bounded(client: Any, pool: ClientPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_trace, "_KNOWN_ORIGINS", 2)
    ids = [new_trace_id() for _ in range(3)]
    for trace_id in ids:
        insert(client, request(span(trace_id=trace_id), resource={"host.name": trace_id}).SerializeToString(), trace_id)
    large = new_trace_id()
    insert(client, request(span(trace_id=large), resource={"host.name": "x" * 5000}).SerializeToString(), large)
    reader = TraceReader(pool)
    for trace_id in ids:
        asked(reader, trace_id)
    assert "origins" not in asked(reader, ids[2])[1]
    assert "origins" in asked(reader, ids[0])[1], "the one that was longest not asked for has gone"
    for _ in range(2):
        assert "origins" in asked(reader, large)[1], "a large one is not kept"
