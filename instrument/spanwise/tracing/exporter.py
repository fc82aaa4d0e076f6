"""From finished spans to the collector: a bounded queue, one thread, batches, retries. It never blocks a request.

The first span after a quiet second waits for the schedule delay, so that whoever tries something out sees it at once;
while spans keep coming, requests are a second apart. A batch goes earlier when it is full. While the collector is away
the batch at hand is tried again with growing, jittered pauses, the queue fills up, and then new spans are dropped and
counted.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from prometheus_client import Counter

from spanwise.pace import Pace
from spanwise.redaction import Redaction
from spanwise.tracing.otlp import encode_parts
from spanwise.tracing.outage import Outage
from spanwise.tracing.transport import Sent, Transport

_log = logging.getLogger("spanwise")
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
# While spans keep coming, a request goes out after so many schedule delays, at most a second: a post costs what the
# encoding of a hundred spans costs, and five a second of a few spans each would be most of what sampling costs.
_STEADY_DELAYS = 5
_STEADY_S = 1.0
# While the queue is this full, the exporter no longer gives way to the service.
_URGENT_SHARE = 0.25
PARTY = "exporter"
DROP_REASONS = ("queue_full", "refused", "timeout", "shutdown")


@dataclass(frozen=True, slots=True)
class ExportLimits:
    """`delay_s`: how long a span may wait for company. `timeout_s`: of one request. `patience_s`: how long a batch is
    tried, so that what is sent after a long outage is what happened last."""

    max_queue: int
    max_batch: int
    delay_s: float
    timeout_s: float
    patience_s: float = 60.0

    @property
    def steady_s(self) -> float:
        """How far apart requests are while spans keep coming."""
        return max(self.delay_s, min(_STEADY_DELAYS * self.delay_s, _STEADY_S))


class SpanExporter(SpanProcessor):
    """The processor at the end of the pipeline, with its own thread from the first span on."""

    def __init__(
        self,
        transport: Transport,
        limits: ExportLimits,
        outage: Outage,
        exported: Counter,
        dropped: Counter,
        redaction: Redaction | None = None,
    ) -> None:
        self._redaction = redaction or Redaction()
        self._transport = transport
        self._limits = limits
        self._outage = outage
        self._exported = exported
        self._dropped = {reason: dropped.labels(reason) for reason in DROP_REASONS}
        self._queue: deque[ReadableSpan] = deque()
        self._urgent_size = max(1, int(limits.max_queue * _URGENT_SHARE))
        self._reset()
        os.register_at_fork(after_in_child=self.after_fork)

    def _reset(self) -> None:
        self._first = threading.Event()  # a span has come, or somebody flushes or shuts down
        self._hurry = threading.Event()  # a batch is full, or the same
        self._idle = threading.Condition()
        self._busy = False
        self._at_hand = 0  # spans of the batch that is on its way
        self._settle_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self._deadline: float | None = None  # set when shutting down
        self._closed = False

    def after_fork(self) -> None:
        """A child has its parent's queue and connection, but not its thread: it starts with neither."""
        self._queue.clear()
        self._transport.close()
        self._reset()

    @property
    def queue_size(self) -> int:
        return len(self._queue)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        pass

    def on_end(self, span: ReadableSpan) -> None:
        context = span.get_span_context()
        if context is None or not context.trace_flags.sampled:
            return
        waiting = len(self._queue)
        if waiting >= self._limits.max_queue or self._closed:
            self._dropped["shutdown" if self._closed else "queue_full"].inc()
            return
        self._queue.append(span)
        if self._thread is None:
            self._start()
        if not self._first.is_set():
            self._first.set()
        if waiting + 1 >= self._limits.max_batch and not self._hurry.is_set():
            self._hurry.set()

    def _start(self) -> None:
        with self._start_lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="spanwise-exporter", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        drained_at = -inf
        while self._deadline is None:
            # Each is cleared before what it tells of is looked at: a span that arrives in between sets it again.
            self._first.clear()
            if not self._queue:
                self._first.wait()
            self._hurry.wait(max(self._limits.delay_s, drained_at + self._limits.steady_s - time.monotonic()))
            self._hurry.clear()
            self._drain()
            drained_at = time.monotonic()
        while self._queue and not self._is_over():
            self._drain()

    def _drain(self) -> None:
        """Exports what waits now. What comes meanwhile waits for company of its own: else a service that is busy would
        send batches of the few spans that end during a post, one after the other without end."""
        self._busy = True
        left = len(self._queue)
        try:
            while left > 0 and not self._is_over():
                batch = self._take()
                count = len(batch)
                left -= count
                try:
                    self._export(batch)
                except Exception:
                    self._settle(self._dropped["refused"])
                    _log.exception("spanwise: a batch of %d spans could not be exported and is dropped.", count)
        finally:
            with self._idle:
                self._busy = False
                self._idle.notify_all()

    def _take(self) -> list[ReadableSpan]:
        queue = self._queue
        batch = [queue.popleft() for _ in range(min(len(queue), self._limits.max_batch))]
        self._at_hand = len(batch)
        return batch

    def _settle(self, outcome: Counter) -> None:
        """Counts the batch at hand, once: a shutdown does not wait for a request that hangs."""
        with self._settle_lock:
            count, self._at_hand = self._at_hand, 0
        outcome.inc(count)

    def _is_over(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _export(self, batch: list[ReadableSpan]) -> None:
        pace = Pace(lambda: len(self._queue) >= self._urgent_size or self._deadline is not None)
        parts = encode_parts(_let_go(batch), pace, self._redaction, self._refuse)
        body = self._transport.pack(parts, pace)
        began = time.monotonic()
        pause = _FIRST_PAUSE_S
        while True:
            sent = self._transport.send(body, self._request_timeout())
            if sent.ok:
                self._settle(self._exported)
                self._outage.worked(PARTY)
                return
            self._outage.failed(PARTY, sent.reason)
            reason = self._give_up(sent, began)
            if reason:
                self._settle(self._dropped[reason])
                return
            self._pause(sent.retry_after_s or pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _refuse(self, span: ReadableSpan, error: Exception) -> None:
        """One that cannot be encoded, such as one with a time that is a float."""
        with self._settle_lock:
            if not self._at_hand:
                return  # a shutdown has counted the whole batch
            self._at_hand -= 1
        self._dropped["refused"].inc()
        _log.warning("spanwise: the span %r cannot be encoded and is dropped (%s).", span.name, error)

    def _give_up(self, sent: Sent, began: float) -> str:
        """Why the batch is dropped, or "" to try again."""
        if not sent.retry:
            return "refused"
        if self._is_over():
            return "shutdown"
        return "timeout" if time.monotonic() - began > self._limits.patience_s else ""

    def _request_timeout(self) -> float:
        if self._deadline is None:
            return self._limits.timeout_s
        return max(0.05, min(self._limits.timeout_s, self._deadline - time.monotonic()))

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            if self._deadline is not None and until > self._deadline:
                until = self._deadline
            time.sleep(max(0.0, min(until - now, 0.1)))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Waits until everything that has ended is sent or given up; False when time ran out."""
        until = time.monotonic() + timeout_millis / 1000
        with self._idle:
            while self._queue or self._busy:
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._hurry.set()
                self._first.set()
                self._idle.wait(min(left, 0.05))
        return True

    def shutdown(self, timeout_s: float = 2.0) -> None:
        """Sends what is left within `timeout_s`, and drops and counts the rest. Safe to call twice."""
        if self._closed:
            return
        self._deadline = time.monotonic() + timeout_s
        self._hurry.set()
        self._first.set()
        if self._thread is not None:
            self._thread.join(timeout_s + 0.3)
        self._closed = True
        self._settle(self._dropped["shutdown"])
        while self._queue:
            self._take()
            self._settle(self._dropped["shutdown"])
        self._transport.close()


def _let_go(batch: list[ReadableSpan]) -> Iterator[ReadableSpan]:
    """Each once, held by nobody afterwards: thousands that go at once take milliseconds, in which nobody else runs."""
    batch.reverse()
    while batch:
        yield batch.pop()
