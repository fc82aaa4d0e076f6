"""The request path without process-wide state: a registry, an in-memory span processor and the handlers in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.samples import Sample

from spanwise import standard
from spanwise.http.client import ClientRequests
from spanwise.http.server import ServerRequests
from spanwise.metrics import from_standard
from spanwise.redaction import Redaction
from spanwise.tracing.exporter import ExportLimits, SpanExporter
from spanwise.tracing.outage import Outage
from spanwise.tracing.sampling import HeadSampler, HeadSampling
from spanwise.tracing.spans import SpanSink
from spanwise.tracing.transport import Transport

DURATION = "http_server_request_duration_seconds"
CLIENT_DURATION = "http_client_request_duration_seconds"
RESOURCE = Resource({"service.name": "under-test"})


class Memory(SpanProcessor):
    """Keeps what ended."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.started = 0

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.started += 1

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


class Pipeline:
    """`rate` and the further arguments are those of HeadSampling and ServerRequests."""

    def __init__(
        self, rate: float = 1.0, *, parent_based: bool = True, redact: tuple[str, ...] = (), **server: Any
    ) -> None:
        self.registry = CollectorRegistry()
        self.memory = Memory()
        self.sampling = HeadSampling(rate, parent_based=parent_based)
        self.provider = TracerProvider(sampler=HeadSampler(self.sampling), resource=RESOURCE, shutdown_on_exit=False)
        self.provider.add_span_processor(self.memory)
        self.tracer = self.provider.get_tracer("tests")
        self.redaction = Redaction(redact)
        self.sink = SpanSink(RESOURCE, InstrumentationScope("spanwise", "test"), SpanLimits(), self.memory)
        self.server = ServerRequests(
            self.sink,
            self.sampling,
            from_standard(Histogram, standard.HTTP_SERVER_REQUEST_DURATION, self.registry),
            from_standard(Gauge, standard.HTTP_SERVER_ACTIVE_REQUESTS, self.registry),
            **server,
        )
        self.client = ClientRequests(
            self.sink,
            self.sampling,
            from_standard(Histogram, standard.HTTP_CLIENT_REQUEST_DURATION, self.registry),
            self.redaction,
            w3c_only=server.get("w3c_only", True),
        )

    @property
    def spans(self) -> list[ReadableSpan]:
        return self.memory.spans

    @property
    def span(self) -> ReadableSpan:
        """The only span there is."""
        assert len(self.spans) == 1, [span.name for span in self.spans]
        return self.spans[0]

    def samples(self, name: str) -> list[Sample]:
        return [sample for family in self.registry.collect() for sample in family.samples if sample.name == name]

    def counted(self, name: str = DURATION) -> dict[tuple[str, ...], float]:
        """`{("GET", "/x", "200"): 1.0}`: how often each series of a histogram was observed."""
        row = standard.BY_NAME[name]
        return {
            tuple(sample.labels[label] for label in row.labels): sample.value
            for sample in self.samples(f"{name}_count")
        }

    def seconds(self, name: str = DURATION) -> float:
        return sum(sample.value for sample in self.samples(f"{name}_sum"))

    def exemplars(self, name: str = DURATION) -> list[dict[str, str]]:
        return [sample.exemplar.labels for sample in self.samples(f"{name}_bucket") if sample.exemplar]

    def active(self) -> float:
        return sum(sample.value for sample in self.samples("http_server_active_requests"))


class Export:
    """An exporter with its counters and outage, on a registry of its own."""

    def __init__(self, transport: Transport, **limits: Any) -> None:
        self.registry = CollectorRegistry()
        chosen: dict[str, Any] = {"max_queue": 1000, "max_batch": 100, "delay_s": 0.01, "timeout_s": 5.0, **limits}
        self.exporter = SpanExporter(
            transport,
            ExportLimits(**chosen),
            Outage("http://collector.test"),
            from_standard(Counter, standard.SPANS_EXPORTED, self.registry),
            from_standard(Counter, standard.SPANS_DROPPED, self.registry),
        )
        provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
        provider.add_span_processor(self.exporter)
        self.tracer = provider.get_tracer("tests", "1.0", "https://schema.test/1")

    def make_spans(self, count: int, name: Callable[[int], str] = lambda number: f"span {number}") -> None:
        for number in range(count):
            self.tracer.start_span(name(number)).end()

    @property
    def exported(self) -> float:
        return self.registry.get_sample_value("otel_sdk_exporter_span_exported_total") or 0.0

    def dropped(self, reason: str) -> float:
        value = self.registry.get_sample_value("otel_sdk_exporter_span_dropped_total", {"reason": reason})
        assert value is not None, f"no series for the reason {reason}"
        return value

    @property
    def all_dropped(self) -> float:
        return sum(self.dropped(reason) for reason in ("queue_full", "refused", "timeout", "shutdown"))
