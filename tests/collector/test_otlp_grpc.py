"""OTLP/gRPC on the wire."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spanwise_collector.intake import GrpcPortError, InFlight, Intake, OtlpGrpc, RateLimit, SpanRules
from spanwise_collector.intake._otlp_grpc import EXPORT
from spanwise_collector.spool import SpoolFullError
from tests.collector.conftest import CollectorFactory
from tests.collector.otlp_requests import new_trace_id, payload, span
from tests.collector.running_collector import RunningCollector, wait_for

MIB = 2**20


def export(address: str, body: bytes, **options: object) -> ExportTraceServiceResponse:
    with grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1)]) as channel:
        answer = channel.unary_unary(EXPORT)(body, timeout=20, **options)
    return ExportTraceServiceResponse.FromString(answer)


def failure(address: str, body: bytes, **options: object) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        export(address, body, **options)
    return caught.value


def details(error: grpc.RpcError) -> Status:
    (packed,) = [value for key, value in error.trailing_metadata() if key == "grpc-status-details-bin"]
    return Status.FromString(packed)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_spans_are_taken(collector: RunningCollector, compression: grpc.Compression) -> None:
    trace_id = new_trace_id()
    answer = export(collector.otlp_grpc, payload(span(trace_id=trace_id)), compression=compression)
    assert not answer.HasField("partial_success")
    assert len(collector.trace(trace_id)["spans"]) == 1


def test_a_refused_span_is_a_partial_success(collector: RunningCollector) -> None:
    partial = export(collector.otlp_grpc, payload(span(), span(start_ns=1))).partial_success
    assert partial.rejected_spans == 1
    assert "retention" in partial.error_message


def test_what_is_not_otlp_is_an_invalid_argument_with_details(collector: RunningCollector) -> None:
    error = failure(collector.otlp_grpc, b"\xff\xff")
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = details(error)
    assert status.code == 3
    assert "not an OTLP trace request" in status.message
    violations = BadRequest()
    assert status.details[0].Unpack(violations)
    assert violations.field_violations[0].field == "resource_spans"


def test_another_method_is_unimplemented(collector: RunningCollector) -> None:
    with grpc.insecure_channel(collector.otlp_grpc) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")(b"", timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_beyond_the_limit_is_refused_also_as_a_bomb(
    collector: RunningCollector, compression: grpc.Compression
) -> None:
    error = failure(collector.otlp_grpc, bytes(40 * MIB), compression=compression)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_token_is_asked_for(new_collector: CollectorFactory) -> None:
    running = new_collector(SPANWISE_COLLECTOR_WRITE_TOKEN="secret").start()
    assert failure(running.otlp_grpc, b"").code() is grpc.StatusCode.UNAUTHENTICATED
    wrong = (("authorization", "Bearer other"),)
    assert failure(running.otlp_grpc, b"", metadata=wrong).code() is grpc.StatusCode.UNAUTHENTICATED
    export(running.otlp_grpc, payload(span()), metadata=(("authorization", "Bearer secret"),))


class FullSpool:
    """Has no room."""

    def append(self, payload: bytes, spans: int) -> None:
        raise SpoolFullError("the spool is full")


def serve(address: str) -> OtlpGrpc:
    intake = Intake(FullSpool(), SpanRules(3600))  # type: ignore[arg-type]
    return OtlpGrpc(
        intake,
        InFlight(MIB),
        RateLimit(None, by_token=False),
        lambda token: True,
        address=address,
        threads=2,
        max_body_bytes=MIB,
        idle_timeout_s=60,
        max_connections=4,
        handshake_timeout_s=1,
    )


@pytest.fixture
def full() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = serve(address)
    server.start()
    yield address
    server.stop(0.5)
    assert not any(thread.name == "grpc-server" and thread.is_alive() for thread in threading.enumerate())


def test_under_pressure_it_is_unavailable_with_retry_info(full: str) -> None:
    error = failure(full, payload(span()))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    retry = RetryInfo()
    assert details(error).details[0].Unpack(retry)
    assert retry.retry_delay.seconds >= 1


def test_connections_are_bounded_and_silent_ones_do_not_stay(full: str) -> None:
    host, _, port = full.rpartition(":")
    silent = [socket.create_connection((host, int(port)), timeout=10) for _ in range(12)]

    def closed() -> int:
        count = 0
        for connection in silent:
            connection.settimeout(0.01)
            try:
                while data := connection.recv(1000):
                    assert data
                count += 1
            except TimeoutError:
                pass
            except OSError:
                count += 1
        return count

    try:
        wait_for(lambda: closed() >= 8, 10, "the closing of those above the limit")
        wait_for(lambda: closed() == 12, 20, "the closing of those that say nothing")
        assert failure(full, payload(span())).code() is grpc.StatusCode.UNAVAILABLE
        assert "full" in str(failure(full, payload(span())).details())
    finally:
        for connection in silent:
            connection.close()


def test_a_port_in_use_is_an_error(full: str) -> None:
    with pytest.raises(GrpcPortError):
        serve(full).start()


def test_opentelemetrys_own_exporter_delivers(collector: RunningCollector) -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    with provider.get_tracer("t").start_as_current_span("root", attributes={"zero": 0, "no": False, "blank": ""}):
        pass
    (sent,) = memory.get_finished_spans()
    exporter = OTLPSpanExporter(collector.otlp_grpc, insecure=True)
    assert exporter.export((sent,)) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert sent.context is not None
    (found,) = collector.trace(format(sent.context.trace_id, "032x"))["spans"]
    assert (found["name"], int(found["start_unix_nano"])) == ("root", sent.start_time)
    assert [(a["type"], a["value"]) for a in found["attributes"]] == [("int", "0"), ("bool", False), ("string", "")]
