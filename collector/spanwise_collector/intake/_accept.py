"""What every protocol calls: bytes of an OTLP request in, an acknowledgement out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanwise_collector import metrics
from spanwise_collector.intake._rules import Refusals, SpanRules
from spanwise_collector.spool import Spool

# A body of empty attributes takes about sixty times its size when parsed, so large bodies are parsed one at a time.
_LARGE_BYTES = 2**20
# Two bytes on the wire, some sixty when parsed: an empty message in any repeated field. Honest bodies have few, one for
# each attribute whose value is the empty string. Next to the engine there is no room for eight million.
_EMPTY_MESSAGES = tuple(bytes((tag, 0)) for tag in (0x0A, 0x12, 0x4A, 0x5A, 0x6A))
_MOST_EMPTY_MESSAGES = 1_000_000


class MalformedError(ValueError):
    """The bytes are not what their protocol asks for; sending them again would not help."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a request: spans on disk, spans refused, and why (empty when none was)."""

    spans: int
    rejected_spans: int = 0
    message: str = ""


class Intake:
    """Checks a request with the C protobuf parser, spools it, and so acknowledges it. Thread-safe."""

    def __init__(self, spool: Spool, rules: SpanRules) -> None:
        self._spool = spool
        self._rules = rules
        self._large = threading.Lock()

    def parsing(self, size: int) -> AbstractContextManager[object]:
        """Held while a body of `size` bytes is parsed."""
        return self._large if size > _LARGE_BYTES else nullcontext()

    def accept_converted(self, body: bytes, convert: Callable[[bytes], bytes], protocol: str) -> Accepted:
        """Like `accept`, of what `convert` makes of another protocol's body; it raises MalformedError."""
        with self.parsing(len(body)):
            payload = convert(body)
        return self.accept(payload, protocol)

    def accept(self, payload: bytes, protocol: str) -> Accepted:
        """Returns once what was taken is on disk. Raises MalformedError or SpoolError; then nothing was.

        `payload` is a serialized ExportTraceServiceRequest; it is spooled byte for byte unless a span is refused.
        """
        with self.parsing(len(payload)):
            payload, spans, refusals = self._check(payload)
        if spans:
            self._spool.append(payload, spans)
            metrics.RECEIVED_SPANS.labels(protocol).inc(spans)
            metrics.RECEIVED_BYTES.labels(protocol).inc(len(payload))
        for reason, count in refusals.counts.items():
            metrics.REJECTED_SPANS.labels(reason.label).inc(count)
        return Accepted(spans, refusals.total, refusals.message())

    def _check(self, payload: bytes) -> tuple[bytes, int, Refusals]:
        if len(payload) > _LARGE_BYTES and sum(map(payload.count, _EMPTY_MESSAGES)) > _MOST_EMPTY_MESSAGES:
            raise MalformedError(f"the body has more than {_MOST_EMPTY_MESSAGES} empty messages, which no tracer sends")
        try:
            request = ExportTraceServiceRequest.FromString(payload)
        except DecodeError as error:
            raise MalformedError(f"the body is not an OTLP trace request in protobuf: {error}") from error
        spans, refusals = self._rules.apply(request)
        if refusals.total:
            payload = request.SerializeToString()
        return payload, spans, refusals
