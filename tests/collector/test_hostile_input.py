"""What hostile senders do: the right answer to each, bounded memory, and others unharmed meanwhile.

The sizes are those of a test run; with SPANWISE_TEST_LARGE set, the bomb is one of 10 GiB.
"""

from __future__ import annotations

import gzip
import os
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.collector.conftest import CollectorFactory
from tests.collector.otlp_requests import DAY, new_span_id, new_trace_id, payload, request, span
from tests.collector.running_collector import RunningCollector

MIB = 2**20
RSS_CAP_BYTES = 900 * 10**6


def rss_bytes(running: RunningCollector) -> int:
    """The most it ever took."""
    lines = Path(f"/proc/{running.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


class Bystander:
    """Sends a span of one trace again and again, as long as the others do their worst."""

    def __init__(self, running: RunningCollector) -> None:
        self._running = running
        self.trace_id = new_trace_id()
        self.acknowledged: set[str] = set()
        self.refused: list[int] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stopping.is_set():
            span_id = new_span_id()
            answer = self._running.send(payload(span(trace_id=self.trace_id, span_id=span_id)))
            if answer.status == 200:
                self.acknowledged.add(span_id)
            else:
                self.refused.append(answer.status)
            time.sleep(0.02)

    def __enter__(self) -> Bystander:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


@pytest.fixture
def unharmed(new_collector: CollectorFactory) -> Iterator[RunningCollector]:
    """A collector that somebody else uses meanwhile; none of his spans may be refused or lost, nor memory overrun."""
    running = new_collector().start()
    with Bystander(running) as bystander:
        yield running
        until = time.monotonic() + 20
        while len(bystander.acknowledged) < 5 and time.monotonic() < until:
            time.sleep(0.05)
    assert set(bystander.refused) <= {503}, bystander.refused
    assert len(bystander.acknowledged) >= 5
    until = time.monotonic() + 20
    stored: set[str] = set()
    while stored != bystander.acknowledged and time.monotonic() < until:
        stored = {item["span_id"] for item in running.trace(bystander.trace_id)["spans"]}
        time.sleep(0.1)
    assert stored == bystander.acknowledged
    assert rss_bytes(running) < RSS_CAP_BYTES


def bomb(inflated_bytes: int) -> bytes:
    """A gzip body of zeros, made without holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    chunk = bytes(16 * MIB)
    return b"".join(packer.compress(chunk) for _ in range(inflated_bytes // len(chunk))) + packer.flush()


def worst_body(attribute: bytes = b"\x4a\x00", number: int = 8 * MIB - 100) -> bytes:
    """A span of empty attributes just below the size limit: 2 bytes each on the wire, about 60 when parsed."""

    def field(tag: bytes, inner: bytes) -> bytes:
        length = bytearray()
        size = len(inner)
        while size > 0x7F:
            length.append(size & 0x7F | 0x80)
            size >>= 7
        length.append(size)
        return tag + bytes(length) + inner

    return field(b"\x0a", field(b"\x12", field(b"\x12", attribute * number)))


def at_once(running: RunningCollector, packed: bytes, times: int) -> list[int]:
    """The status that each of so many senders of a gzip body gets."""
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(running.send(packed, content_encoding="gzip").status))
        for _ in range(times)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return statuses


def test_a_gzip_bomb_is_413_before_it_is_inflated(unharmed: RunningCollector) -> None:
    body = bomb(10 * 2**30 if os.environ.get("SPANWISE_TEST_LARGE") else 2**30)
    assert unharmed.send(body, content_encoding="gzip").status == 413


def test_the_worst_body_twenty_times_at_once(unharmed: RunningCollector) -> None:
    statuses = at_once(unharmed, gzip.compress(worst_body(), 1), 20)
    assert len(statuses) == 20
    assert set(statuses) <= {400, 503}
    assert 400 in statuses, "each is refused for what it is, where there is room to look"


def test_a_body_of_four_byte_attributes_four_times_at_once(unharmed: RunningCollector) -> None:
    """The next worst: attributes with nothing but an empty key, 4 bytes each."""
    body = gzip.compress(worst_body(b"\x4a\x02\x0a\x00", 2 * MIB - 100) * 2, 1)
    statuses = at_once(unharmed, body, 4)
    assert len(statuses) == 4
    assert set(statuses) <= {400, 503}


def test_spans_over_a_year_wrong_ids_and_types(unharmed: RunningCollector) -> None:
    spread = [span(start_ns=time.time_ns() - day * DAY) for day in range(0, 365, 5)]
    long_id = span()
    long_id.span_id = bytes(17)
    for body in (payload(*spread), payload(long_id)):
        assert unharmed.send(body).status == 200
    for wrong in (b'{"resourceSpans": 7}', b'{"resourceSpans": [{"scopeSpans": "x"}]}', b"\xff\xfe", b"[]"):
        assert unharmed.send(wrong, content_type="application/json").status == 400


GOOD = request(span(attributes={"a": [1, {"b": b"\0"}]})).SerializeToString()
BODIES = st.one_of(
    st.binary(max_size=200),
    st.integers(0, len(GOOD) - 1).map(lambda cut: GOOD[:cut]),
    st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)).map(
        lambda change: GOOD[: change[0]] + bytes([change[1]]) + GOOD[change[0] + 1 :]
    ),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, content_type=st.sampled_from(["application/x-protobuf", "application/json"]))
def test_truncated_and_random_bytes(collector: RunningCollector, body: bytes, content_type: str) -> None:
    assert collector.send(body, content_type=content_type).status in (200, 400)


def test_after_all_that_the_store_still_takes_spans(collector: RunningCollector) -> None:
    trace_id = new_trace_id()
    assert collector.send(payload(span(trace_id=trace_id))).status == 200
    assert len(collector.trace(trace_id)["spans"]) == 1
    assert collector.get("/readyz").status == 200
    assert not list((collector.data / "spool" / "refused").glob("*.otlp"))
