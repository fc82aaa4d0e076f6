"""OTLP/HTTP: `POST /v1/traces` as a bare WSGI application, for no framework need see each request.

Protobuf and JSON, each answered in kind: 200 (with partial success where spans were refused), 400 for what is not OTLP,
405, 413 beyond the body limit, 415 for another type or encoding, 503 with Retry-After while there is no room. Never
429: Python's exporters take it as final and drop the spans. Source: opentelemetry-proto, docs/specification.md,
"OTLP/HTTP".
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from spanwise_collector.intake import _status
from spanwise_collector.intake._otlp_json import to_otlp
from spanwise_collector.intake._receive import Converter, Receiver, Refused, content_type

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATH = "/v1/traces"
PROTOCOL = "otlp_http"
JSON_PROTOCOL = "otlp_http_json"


class OtlpHttp:
    """The WSGI application."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = content_type(environ)
        headers: list[tuple[str, str]] = []
        try:
            protocol = JSON_PROTOCOL if given == _status.JSON else PROTOCOL
            accepted = self._receiver.accept(environ, _CONVERTERS, protocol)
            status = HTTPStatus.OK
            body = _status.success(given, accepted.rejected_spans, accepted.message)
        except Refused as refused:
            status = refused.status
            body = _status.failure(given, refused.code, refused.message)
            headers += refused.headers
        headers += [("Content-Type", _status.answer_type(given)), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]


_CONVERTERS: dict[str, Converter] = {_status.PROTOBUF: bytes, _status.JSON: to_otlp}
