"""One variant of `tail.py` in a process of its own.

    python tail_worker.py latency idle|ours|otel SINK_URL SECONDS
    python tail_worker.py throughput ours|otel SINK_URL SECONDS BUSY_THREADS

`latency`: a request-like thread is due every 0.5 ms: three short slices of work with system calls between them, and two
finished spans handed to the exporter; a scrape of 10,000 series goes on beside it, one a second. Latency counts from
the moment it was due. `throughput`: spans are handed over as fast as the queue takes them, beside busy threads.
Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

PERIOD_S = 0.0005
SPANS_PER_REQUEST = 2
SERIES = 10_000
QUEUE = 8192
BATCH = 2048  # the library's defaults


def registry_of(series: int) -> Any:
    """Histograms of 15 buckets whose samples come to `series`."""
    from prometheus_client import CollectorRegistry, Histogram

    registry = CollectorRegistry()
    buckets = tuple(0.001 * 2**i for i in range(14))
    histogram = Histogram("bench_seconds", "A histogram", ("route",), registry=registry, buckets=buckets)
    for i in range(series // (len(buckets) + 3)):
        histogram.labels(f"/route/{i}").observe(0.01 * (i % 50))
    return registry


def finished_spans(provider: Any) -> list[Any]:
    """Finished spans of ten attributes each, made by the SDK."""
    from opentelemetry.trace import SpanKind

    made: list[Any] = []

    class Keep:
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            pass

        def _on_ending(self, span: Any) -> None:
            pass

        def on_end(self, span: Any) -> None:
            made.append(span)

    provider.add_span_processor(Keep())
    tracer = provider.get_tracer("bench")
    attributes = {f"attribute.{i}": f"value {i}" for i in range(8)} | {"http.response.status_code": 200, "size": 12345}
    for i in range(100):
        tracer.start_span(f"GET /route/{i}", kind=SpanKind.SERVER, attributes=attributes).end()
    return made


class Pipeline:
    """The exporter and the scrape of one variant."""

    def __init__(self, variant: str, sink: str) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        self.spans = finished_spans(TracerProvider(resource=Resource.create({"service.name": "bench"})))
        self.registry = registry_of(SERIES)
        self.scrape: Callable[[], object] = lambda: None
        self.on_end: Callable[[Any], None] = lambda span: None
        self.waiting: Callable[[], int] = lambda: 0
        self.dropped: Callable[[], float] = lambda: 0.0
        self.flush: Callable[[], object] = lambda: None
        if variant == "ours":
            self._ours(sink)
        elif variant == "otel":
            self._otel(sink)

    def _ours(self, sink: str) -> None:
        from prometheus_client import CollectorRegistry, Counter

        from spanwise.exposition import render
        from spanwise.tracing.exporter import ExportLimits, SpanExporter
        from spanwise.tracing.outage import Outage
        from spanwise.tracing.transport import HttpTransport

        transport = HttpTransport(f"{sink}/v1/traces", {}, compress=True, user_agent="bench")
        own = CollectorRegistry()
        dropped = Counter("dropped", "", ("reason",), registry=own)
        exporter = SpanExporter(
            transport,
            ExportLimits(QUEUE, BATCH, 0.2, 10.0),
            Outage(sink),
            Counter("exported", "", registry=own),
            dropped,
        )
        self.on_end = exporter.on_end
        self.waiting = lambda: exporter.queue_size
        self.flush = exporter.force_flush
        self.dropped = lambda: sum(s.value for m in dropped.collect() for s in m.samples if s.name == "dropped_total")
        self.scrape = lambda: [len(part) for part in render(self.registry)]

    def _otel(self, sink: str) -> None:
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from prometheus_client import generate_latest

        exporter = OTLPSpanExporter(endpoint=f"{sink}/v1/traces", compression=Compression.Gzip)
        processor = BatchSpanProcessor(exporter, max_queue_size=QUEUE, schedule_delay_millis=200)
        queue = processor._batch_processor._queue  # to hand over no more than it takes
        self.on_end = processor.on_end
        self.waiting = lambda: len(queue)
        self.flush = processor.force_flush
        self.scrape = lambda: generate_latest(self.registry)


def latency(pipeline: Pipeline, seconds: float) -> dict[str, object]:
    reading, writing = os.pipe()
    stopped = threading.Event()
    scrapes: list[float] = []

    def scraper() -> None:
        while not stopped.wait(1.0):
            began = time.perf_counter()
            pipeline.scrape()
            scrapes.append(time.perf_counter() - began)

    threading.Thread(target=scraper, daemon=True).start()
    spans = cycle(pipeline.spans)
    taken: list[float] = []
    begin = time.perf_counter()
    due = begin
    while due < begin + seconds:
        due += PERIOD_S
        wait = due - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        for _ in range(3):
            sum(range(300))
            os.write(writing, b"x")
            os.read(reading, 1)
        for _ in range(SPANS_PER_REQUEST):
            pipeline.on_end(next(spans))
        taken.append(time.perf_counter() - due)
        # A late request delays those after it, as in a server; the pace itself is not made up for without end.
        due = max(due, time.perf_counter() - 10 * PERIOD_S)
    stopped.set()
    pipeline.flush()
    taken.sort()
    at = lambda share: round(taken[int(len(taken) * share)] * 1000, 3)  # noqa: E731
    return {
        "requests": len(taken),
        "p50_ms": at(0.5),
        "p99_ms": at(0.99),
        "p999_ms": at(0.999),
        "max_ms": round(taken[-1] * 1000, 1),
        "scrapes": len(scrapes),
    }


def throughput(pipeline: Pipeline, seconds: float, busy_threads: int) -> dict[str, object]:
    stopped = threading.Event()

    def busy() -> None:
        while not stopped.is_set():
            sum(range(1000))

    for _ in range(busy_threads):
        threading.Thread(target=busy, daemon=True).start()
    spans = cycle(pipeline.spans)
    handed = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        # Half full: enough for the exporter never to wait, and room for what it has not taken yet.
        while pipeline.waiting() < QUEUE // 2:
            pipeline.on_end(next(spans))
            handed += 1
        time.sleep(0.005)
    left = pipeline.waiting()
    spent = time.perf_counter() - began
    scraping = time.perf_counter()
    pipeline.scrape()
    scraped = time.perf_counter() - scraping
    stopped.set()
    pipeline.flush()
    return {
        "busy_threads": busy_threads,
        "spans_per_s": round((handed - left) / spent),
        "dropped": pipeline.dropped(),
        "scrape_10000_series_s": round(scraped, 3),
    }


def cycle(spans: list[Any]) -> Iterator[Any]:
    while True:
        yield from spans


def main() -> None:
    kind, variant, sink, seconds, *more = sys.argv[1:]
    pipeline = Pipeline(variant, sink)
    if kind == "latency":
        print(json.dumps(latency(pipeline, float(seconds))))
    else:
        print(json.dumps(throughput(pipeline, float(seconds), int(more[0]))))


if __name__ == "__main__":
    main()
