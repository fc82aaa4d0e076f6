"""Metrics and logs are answered politely, counted as rejected, and told how to be switched off."""

from __future__ import annotations

import pytest
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from tests.collector.running_collector import RunningCollector, fetch


def metrics() -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    scope.metrics.add(name="a").gauge.data_points.add(as_int=1)
    points = scope.metrics.add(name="b").sum.data_points
    points.add(as_int=1)
    points.add(as_int=2)
    scope.metrics.add(name="empty")
    return request


def logs() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    records.add(trace_id=bytes(range(16)))
    records.add()
    return request


@pytest.mark.parametrize("port", ["otlp_url", "url"])
def test_metrics_in_protobuf(collector: RunningCollector, port: str) -> None:
    url = f"{getattr(collector, port)}/v1/metrics"
    answer = fetch(url, "POST", metrics().SerializeToString(), content_type="application/x-protobuf")
    assert answer.status == 200
    partial = ExportMetricsServiceResponse.FromString(answer.body).partial_success
    assert partial.rejected_data_points == 3
    assert "OTEL_METRICS_EXPORTER=none" in partial.error_message


def test_logs_in_protobuf_and_json(collector: RunningCollector) -> None:
    url = f"{collector.otlp_url}/v1/logs"
    answer = fetch(url, "POST", logs().SerializeToString(), content_type="application/x-protobuf")
    partial = ExportLogsServiceResponse.FromString(answer.body).partial_success
    assert (answer.status, partial.rejected_log_records) == (200, 2)
    assert "OTEL_LOGS_EXPORTER=none" in partial.error_message
    body = MessageToJson(logs()).encode()
    answer = fetch(url, "POST", body, content_type="application/json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["partialSuccess"]["rejectedLogRecords"] == "2"


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-protobuf", b"\xff", 400),
        ("application/json", b"[1", 400),
        ("application/json", b'{"resourceLogs": 7}', 400),
        ("text/plain", b"", 415),
    ],
)
def test_what_is_not_otlp(collector: RunningCollector, content_type: str, body: bytes, status: int) -> None:
    assert fetch(f"{collector.otlp_url}/v1/logs", "POST", body, content_type=content_type).status == status
