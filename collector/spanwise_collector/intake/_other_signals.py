"""`POST /v1/metrics` and `/v1/logs`: taken politely, kept nowhere, and told how to be switched off.

An SDK that is pointed here sends all its signals. An error would fill its log, or make it try again for ever; a partial
success that counts all as rejected is what OTLP has for "do not send this again".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from spanwise_collector.intake import _status
from spanwise_collector.intake._accept import MalformedError
from spanwise_collector.intake._otlp_json import load
from spanwise_collector.intake._receive import Receiver, Refused, content_type

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def _count_records(request: Any) -> int:
    return sum(len(scope.log_records) for resource in request.resource_logs for scope in resource.scope_logs)


def _count_points(request: Any) -> int:
    metrics = (
        metric
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.WhichOneof("data")
    )
    return sum(len(getattr(metric, metric.WhichOneof("data")).data_points) for metric in metrics)


class _Signal(NamedTuple):
    request: type[Message]
    response: type[Message]
    rejected: str
    count: Callable[[Any], int]
    advice: str


_SIGNALS = {
    "/v1/metrics": _Signal(
        ExportMetricsServiceRequest,
        ExportMetricsServiceResponse,
        "rejected_data_points",
        _count_points,
        "this collector keeps spans only, so these metrics were not kept: set OTEL_METRICS_EXPORTER=none, or"
        " OTEL_EXPORTER_OTLP_METRICS_ENDPOINT to where they belong",
    ),
    "/v1/logs": _Signal(
        ExportLogsServiceRequest,
        ExportLogsServiceResponse,
        "rejected_log_records",
        _count_records,
        "this collector keeps spans only, so these logs were not kept: set OTEL_LOGS_EXPORTER=none, or"
        " OTEL_EXPORTER_OTLP_LOGS_ENDPOINT to where they belong",
    ),
}
PATHS = tuple(_SIGNALS)


class OtherSignals:
    """The WSGI application for the paths in `PATHS`."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        signal = _SIGNALS[environ["PATH_INFO"]]
        given = content_type(environ)
        headers: list[tuple[str, str]] = []
        try:
            count = self._receiver.count(environ, _counters(signal))
            status = HTTPStatus.OK
            body = _answer(signal, count, given)
        except Refused as refused:
            status = refused.status
            body = _status.failure(given, refused.code, refused.message)
            headers += refused.headers
        headers += [("Content-Type", _status.answer_type(given)), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]


def _counters(signal: _Signal) -> dict[str, Callable[[bytes], int]]:
    def protobuf(body: bytes) -> int:
        try:
            return signal.count(signal.request.FromString(body))
        except DecodeError as error:
            raise MalformedError(f"the body is not an OTLP request in protobuf: {error}") from error

    def in_json(body: bytes) -> int:
        request = signal.request()
        try:
            # Ids are hexadecimal, which reads as base64 too; they are only counted here, not kept.
            json_format.ParseDict(load(body), request, ignore_unknown_fields=True)
        except (json_format.ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise MalformedError(f"the body is not an OTLP request in JSON: {str(error)[:300]}") from error
        return signal.count(request)

    return {_status.PROTOBUF: protobuf, _status.JSON: in_json}


def _answer(signal: _Signal, count: int, given: str) -> bytes:
    response: Any = signal.response()
    response.partial_success.error_message = signal.advice
    setattr(response.partial_success, signal.rejected, count)
    if given == _status.JSON:
        return json_format.MessageToJson(response, indent=None).encode()
    return bytes(response.SerializeToString())
