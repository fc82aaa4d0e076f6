"""Keeps the metrics of spans and edges up to date, for as long as somebody scrapes them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.metrics_core import Metric

from spanwise_collector.span_metrics._families import (
    FIRST_BUCKET,
    LAST_BUCKET,
    SpanExemplar,
    edge_families,
    span_families,
)
from spanwise_collector.span_metrics._totals import Key, Total, Totals, combined
from spanwise_collector.store import ClientPool

log = logging.getLogger(__name__)

_INTERVAL_S = 10.0
# Without a scrape for so long nothing is computed.
_UNASKED_S = 300.0
# How late a span may come and still be counted, at least; the anchor moves on when it is twice as old.
_LATE_S = 3600
_PEERS_LATE_S = 120
_END_S = 2**32 - 1
# More combinations than that are not read; the rarest are left out.
_MOST_ROWS = 50_000
_EXEMPLARS_S = 60
_CONNECTIONS = {"call": "", "message": "messaging_system", "peer": "virtual_node"}


class SpanMetrics:
    """A collector for prometheus-client's registry. `start` it once the store is open; `max_series` 0 exports nothing.

    Counters begin at 0 when it starts, as those of any process do.
    """

    def __init__(self, pool: ClientPool, max_series: int, clock: Callable[[], float] = time.time) -> None:
        self._pool = pool
        self._clock = clock
        self._enabled = max_series > 0
        self._spans = Totals("traces_spanmetrics", max_series)
        self._edges = Totals("traces_service_graph", max_series)
        self._anchor_s = 0
        self._families: list[Metric] = []
        self._asked_at = float("-inf")
        self._failed = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="span-metrics", daemon=True)

    def start(self) -> None:
        if self._enabled:
            self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Waits so long for the query under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def describe(self) -> Iterable[Metric]:
        """Nothing is computed to register it."""
        return [*span_families({}, {}), *edge_families({})] if self._enabled else []

    def collect(self) -> Iterator[Metric]:
        """What the last refresh found, at most ten seconds ago while somebody asks."""
        self._asked_at = time.monotonic()
        yield from self._families

    def begin(self) -> None:
        """Reads what is there, which counts as 0. Raises what the pool raises."""
        self._anchor_s = self._minute(_LATE_S)
        self._spans.begin(self._span_totals(self._anchor_s, _END_S))
        self._edges.begin(self._edge_totals(self._anchor_s, _END_S))

    def refresh(self) -> None:
        """Reads what was added. Raises what the pool raises."""
        anchor_s = self._minute(_LATE_S)
        if anchor_s - self._anchor_s >= _LATE_S:
            passed = self._span_totals(self._anchor_s, anchor_s), self._edge_totals(self._anchor_s, anchor_s)
            self._spans.pass_anchor(passed[0])
            self._edges.pass_anchor(passed[1])
            self._anchor_s = anchor_s
        self._spans.update(self._span_totals(self._anchor_s, _END_S))
        self._edges.update(self._edge_totals(self._anchor_s, _END_S))
        self._families = [*span_families(self._spans.shown, self._exemplars()), *edge_families(self._edges.shown)]

    def _run(self) -> None:
        step = self.begin
        while not self._stopping.is_set():
            if step == self.begin or time.monotonic() - self._asked_at < _UNASKED_S:
                try:
                    step()
                    step, self._failed = self.refresh, False
                except Exception as error:
                    if not self._failed:
                        log.warning("the metrics of spans stay as they are: %s", " ".join(str(error).split())[:300])
                    self._failed = True
            self._stopping.wait(_INTERVAL_S)

    def _minute(self, ago_s: int) -> int:
        return int(self._clock() - ago_s) // 60 * 60

    def _span_totals(self, since_s: int, until_s: int) -> Mapping[Key, Total]:
        rows = self._rows("span_totals", since_s=since_s, until_s=until_s)
        return combined((_span_key(row), Total(seconds=row[4], buckets=dict(row[5]))) for row in rows)

    def _edge_totals(self, since_s: int, until_s: int) -> Mapping[Key, Total]:
        rows = self._rows(
            "edge_totals", since_s=since_s, until_s=until_s, peers_until_s=self._minute(_PEERS_LATE_S)
        )  # fmt: skip
        return combined(
            ((_text(row[0]), _text(row[1]), _CONNECTIONS[_text(row[2])]), Total(row[4], row[3], dict(row[5])))
            for row in rows
        )

    def _exemplars(self) -> Mapping[tuple[Key, int], SpanExemplar]:
        since_ns = int((self._clock() - _EXEMPLARS_S) * 1e9)
        return {
            (_span_key(row), row[4]): SpanExemplar(_text(row[5]), _text(row[6]), row[7], row[8] / 1e9)
            for row in self._rows("exemplars", since_ns=since_ns)
        }

    def _rows(self, query: str, **parameters: int) -> Sequence[Sequence[Any]]:
        bounds = {"first": FIRST_BUCKET, "last": LAST_BUCKET, "limit": _MOST_ROWS}
        return self._pool.rows(query, {**bounds, **parameters})


def _span_key(row: Sequence[Any]) -> Key:
    """Of service, name, kind and whether it failed. Whether a status was set to ok is not in the aggregates."""
    service, name, kind, failed = row[:4]
    status = "STATUS_CODE_ERROR" if failed else "STATUS_CODE_UNSET"
    return _text(service), _text(name), f"SPAN_KIND_{_text(kind).upper()}", status


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
