"""What is done with single traces, in spool and store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanwise_collector import keeping
from spanwise_collector.feeder import Feeder
from spanwise_collector.keeping import Keeping, StoreBehindError
from spanwise_collector.query import TraceReader
from spanwise_collector.spool import Spool
from spanwise_collector.store import ClientPool, Store
from tests.collector.otlp_requests import new_trace_id, payload, span


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool", 10**8)
    opened.open()
    yield opened
    opened.close()


def test_what_waits_in_the_spool_is_deleted_too(store: Store, spool: Spool, pool: ClientPool, tmp_path: Path) -> None:
    gone, kept = new_trace_id(), new_trace_id()
    spool.append(payload(span(trace_id=gone), span(trace_id=gone), span(trace_id=kept)), 3)
    traces = Keeping(store, spool, 1000)
    deleted: list[int] = []
    deletion = threading.Thread(target=lambda: deleted.append(traces.delete(gone)))
    deletion.start()
    feeder = Feeder(spool, store, 0.01, 10**6)
    feeder.start()
    try:
        deletion.join(30)
    finally:
        feeder.stop(1.0)
    assert deleted == [2]
    assert TraceReader(pool).trace(gone) is None
    assert TraceReader(pool).trace(kept) is not None
    spool.close()
    left = b"".join(path.read_bytes() for path in (tmp_path / "spool").glob("*.segment"))
    assert bytes.fromhex(gone) not in left


def test_nothing_is_deleted_while_the_store_is_behind(
    store: Store, spool: Spool, pool: ClientPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_FLUSH_S", 0.05)
    trace_id = new_trace_id()
    spool.append(payload(span(trace_id=trace_id)), 1)
    with pytest.raises(StoreBehindError, match="nothing was deleted"):
        Keeping(store, spool, 1000).delete(trace_id)


def test_pin_and_unpin(store: Store, spool: Spool) -> None:
    traces = Keeping(store, spool, 1000)
    assert traces.pin(new_trace_id()) == 0
    assert traces.unpin(new_trace_id()) == 0
