"""Sends spans to a collector until told to stop, and knows which were acknowledged."""

from __future__ import annotations

import http.client
import threading
import time
from urllib.parse import urlsplit

from tests.collector.otlp_requests import new_span_id, new_trace_id, payload, span
from tests.collector.running_collector import RunningCollector

SERVICE = "faults"
# What it calls: a span for each request, sent by itself as another service would.
CALLEE = "faults-callee"
_SPANS_PER_REQUEST = 20


class Load:
    """Several senders; each span is sent once, whatever the answer, so that "exactly once" can be counted."""

    def __init__(self, senders: int = 3) -> None:
        self.acknowledged: list[tuple[str, str]] = []  # (trace id, span id)
        self.unanswered: set[str] = set()  # span ids that may be stored or not
        self.statuses: dict[int, int] = {}
        self._address: tuple[str, int] | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(senders)]

    def start(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def aim(self, otlp_url: str) -> None:
        """Sends there from now on; the collector has other ports after each start."""
        parts = urlsplit(otlp_url)
        self._address = (parts.hostname or "", parts.port or 0)

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(30)

    def __len__(self) -> int:
        return len(self.acknowledged)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._address is None:
                time.sleep(0.02)
                continue
            trace_id = new_trace_id()
            ids = [new_span_id() for _ in range(_SPANS_PER_REQUEST)]
            body = payload(
                *(span(trace_id=trace_id, span_id=i, attributes={"a": "b" * 50}) for i in ids), service=SERVICE
            )
            callee = payload(span(trace_id=trace_id, parent=ids[0]), service=CALLEE)
            status = self._send(body)
            self._send(callee)
            with self._lock:
                self.statuses[status] = self.statuses.get(status, 0) + 1
                if status == 200:
                    self.acknowledged.extend((trace_id, i) for i in ids)
                elif status == 0:
                    self.unanswered.update(ids)
            time.sleep(0.005 if status == 200 else 0.05)

    def _send(self, body: bytes) -> int:
        """The status; 0 when there was no answer."""
        assert self._address is not None
        connection = http.client.HTTPConnection(*self._address, timeout=10)
        try:
            connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


def spawn_until_address(running: RunningCollector, store_ready: bool = False) -> None:
    """Starts it, and returns as soon as it has ports: while it replays what earlier runs left."""
    import json

    from tests.collector.running_collector import wait_for

    process = running.spawn()
    lock = running.data / "collector.lock"

    def announced() -> str:
        assert process.poll() is None, running.log[-3000:]
        try:
            facts = json.loads(lock.read_text())
        except (OSError, ValueError):
            return ""
        return str(facts.get("otlp_url") or "") if facts.get("pid") == process.pid else ""

    running.otlp_url = wait_for(announced, 60, "the address")
