"""`POST /api/v2/spans` and `POST /api/v1/spans`: 202 when all is on disk, and text for what is wrong.

Zipkin's protocol has no partial success: where some spans were refused, the 202 says so in its body and the metrics
count them. 400 for what is not Zipkin, 413, 415, and 503 with Retry-After while there is no room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from spanwise_collector.intake._receive import Converter, Receiver, Refused
from spanwise_collector.intake._status import JSON, PROTOBUF
from spanwise_collector.intake.zipkin import _v1_json, _v2_json, _v2_protobuf
from spanwise_collector.intake.zipkin._span import ZipkinSpan
from spanwise_collector.intake.zipkin._to_otlp import to_otlp

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

V1_PATH = "/api/v1/spans"
V2_PATH = "/api/v2/spans"


def _converter(read: Callable[[bytes], list[ZipkinSpan]]) -> Converter:
    return lambda body: to_otlp(read(body))


# Of the Content-Types, a missing one is JSON: old senders leave it out.
_CONVERTERS: dict[str, dict[str, Converter]] = {
    V2_PATH: {
        JSON: _converter(_v2_json.read),
        "": _converter(_v2_json.read),
        PROTOBUF: _converter(_v2_protobuf.read),
    },
    V1_PATH: {JSON: _converter(_v1_json.read), "": _converter(_v1_json.read)},
}


class Zipkin:
    """The WSGI application for both paths."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        headers: list[tuple[str, str]] = []
        try:
            accepted = self._receiver.accept(
                environ, _CONVERTERS[path], "zipkin_v1" if path == V1_PATH else "zipkin_v2"
            )
            status = HTTPStatus.ACCEPTED
            body = accepted.message.encode()
        except Refused as refused:
            status = refused.status
            body = refused.message.encode()
            headers += refused.headers
        headers += [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]
