"""The bodies of OTLP/HTTP answers."""

from __future__ import annotations

import json

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanwise_collector.intake._status import JSON, PROTOBUF, Code, failure, success


@pytest.mark.parametrize("message", ["", "short", "ü" * 100, "x" * 20_000])
@pytest.mark.parametrize("code", list(Code))
def test_a_failure_is_a_google_rpc_status(code: Code, message: str) -> None:
    status = Status.FromString(failure(PROTOBUF, code, message))
    assert (status.code, status.message) == (code, message)
    assert json.loads(failure(JSON, code, message)) == {"code": code, "message": message}


def test_success_has_no_partial_success() -> None:
    assert success(PROTOBUF, 0, "") == b""
    assert json.loads(success(JSON, 0, "")) == {}


def test_partial_success() -> None:
    response = ExportTraceServiceResponse.FromString(success(PROTOBUF, 3, "too old"))
    assert (response.partial_success.rejected_spans, response.partial_success.error_message) == (3, "too old")
    assert json.loads(success(JSON, 3, "too old")) == {
        "partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}
    }
