"""Acknowledged means stored, once, whatever happens to the process."""

from __future__ import annotations

import os
import threading

import pytest

from tests.collector.conftest import CollectorFactory
from tests.collector.otlp_requests import new_span_id, new_trace_id, payload, span
from tests.collector.running_collector import wait_for


@pytest.mark.parametrize("after_acknowledgements", [1, 30, 90])
def test_kill_9_loses_nothing_and_stores_nothing_twice(
    new_collector: CollectorFactory, after_acknowledgements: int
) -> None:
    running = new_collector().start()
    trace_id = new_trace_id()
    acknowledged: list[str] = []
    lock = threading.Lock()
    killed = threading.Event()

    def send() -> None:
        while not killed.is_set():
            ids = [new_span_id() for _ in range(3)]
            body = payload(*(span(trace_id=trace_id, span_id=i, attributes={"a": "b" * 50}) for i in ids))
            try:
                status = running.send(body).status
            except OSError:
                return
            if status == 200:
                with lock:
                    acknowledged.extend(ids)

    senders = [threading.Thread(target=send) for _ in range(3)]
    for sender in senders:
        sender.start()
    wait_for(lambda: len(acknowledged) >= 3 * after_acknowledgements, what="acknowledgements")
    running.kill()
    killed.set()
    for sender in senders:
        sender.join()
    assert acknowledged

    running.start()

    def stored() -> list[str]:
        answer = running.get(f"/api/spanwise/traces/{trace_id}")
        return [s["span_id"] for s in answer.json["spans"]] if answer.status == 200 else []

    wait_for(lambda: set(acknowledged) <= set(stored()), what="all acknowledged spans")
    running.settle()
    found = stored()
    assert len(found) == len(set(found)), "nothing twice"
    (summary,) = running.get("/api/spanwise/traces?service=shop").json["traces"]
    assert summary["span_count"] == len(found)


def test_a_torn_tail_does_not_stop_the_start(new_collector: CollectorFactory) -> None:
    running = new_collector("--store", "clickhouse://127.0.0.1:9/nobody")
    running.spawn()
    import json

    lock = running.data / "collector.lock"
    wait_for(lambda: lock.exists() and "otlp_url" in lock.read_text(), 30, "the address")
    running.otlp_url = json.loads(lock.read_text())["otlp_url"]
    kept, torn = new_trace_id(), new_trace_id()
    assert running.send(payload(span(trace_id=kept))).status == 200
    assert running.send(payload(span(trace_id=torn))).status == 200
    running.kill()
    (segment,) = (running.data / "spool").glob("*.segment")
    os.truncate(segment, segment.stat().st_size - 1)
    again = new_collector(data=running.data).start()
    assert len(again.trace(kept)["spans"]) == 1
    assert "torn tail" in again.log
    assert again.get(f"/api/spanwise/traces/{torn}").status == 404
    fresh = new_trace_id()
    assert again.send(payload(span(trace_id=fresh))).status == 200
    assert len(again.trace(fresh)["spans"]) == 1
