"""What the HTTP protocols share: the method, the type, the body within its limits, and what went wrong as an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from spanwise_collector import metrics
from spanwise_collector.http import TOKEN_KEY
from spanwise_collector.intake._accept import Accepted, Intake, MalformedError
from spanwise_collector.intake._body import BadEncodingError, Readable, TooLargeError, read_gzip, read_plain
from spanwise_collector.intake._in_flight import InFlight, OverloadedError, Share
from spanwise_collector.intake._rate_limit import RateLimit
from spanwise_collector.intake._status import Code
from spanwise_collector.spool import SpoolError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_RETRY_AFTER_S = 2
_READERS: dict[str, Callable[[Readable, int, int, Share], bytes]] = {
    "": read_plain,
    "identity": read_plain,
    "gzip": read_gzip,
}

# Turns a body of one Content-Type into a serialized ExportTraceServiceRequest; raises MalformedError or TooLargeError.
Converter = Callable[[bytes], bytes]
# Says how many points or records a body holds; raises MalformedError.
Counter = Callable[[bytes], int]
Handler = TypeVar("Handler")


class Refused(Exception):
    """Ends a request with this answer; `label` is the reason in the metric. Counted when it is made."""

    def __init__(self, status: HTTPStatus, code: Code, message: str, label: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        metrics.REJECTED_REQUESTS.labels(label).inc()

    @property
    def headers(self) -> list[tuple[str, str]]:
        if self.status is HTTPStatus.SERVICE_UNAVAILABLE:
            return [("Retry-After", str(_RETRY_AFTER_S))]
        if self.status is HTTPStatus.METHOD_NOT_ALLOWED:
            return [("Allow", "POST")]
        return []


class Receiver:
    """Reads requests within the limits. `max_body_bytes` bounds a body as sent and as inflated. Thread-safe."""

    def __init__(self, intake: Intake, in_flight: InFlight, rate_limit: RateLimit, max_body_bytes: int) -> None:
        self._intake = intake
        self._rate_limit = rate_limit
        self._in_flight = in_flight
        self._max_body_bytes = max_body_bytes

    def accept(self, environ: WSGIEnvironment, converters: Mapping[str, Converter], protocol: str) -> Accepted:
        """Takes the spans of a POST. Raises Refused."""
        convert = _for_type(environ, converters)
        token = environ.get(TOKEN_KEY, "")
        with self._body(environ) as body:
            self._rate_limit.check(token)
            accepted = self._intake.accept_converted(body, convert, protocol)
            self._rate_limit.charge(token, accepted.spans)
            return accepted

    def count(self, environ: WSGIEnvironment, counters: Mapping[str, Counter]) -> int:
        """What a counter makes of a POST of which nothing is kept. Raises Refused."""
        counter = _for_type(environ, counters)
        with self._body(environ) as body, self._intake.parsing(len(body)):
            return counter(body)

    @contextmanager
    def _body(self, environ: WSGIEnvironment) -> Iterator[bytes]:
        """The body, while its bytes count as in flight; every error on the way becomes Refused."""
        try:
            with self._in_flight.share() as share:
                yield self._read(environ, share)
        except TooLargeError as error:
            message = str(error) or (
                f"the body is larger than {self._max_body_bytes} bytes (SPANWISE_COLLECTOR_MAX_BODY); send less at once"
            )
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Code.RESOURCE_EXHAUSTED, message, "too_large") from None
        except (MalformedError, BadEncodingError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, Code.INVALID_ARGUMENT, str(error), "malformed") from None
        except (OverloadedError, SpoolError) as error:
            label = "overload" if isinstance(error, OverloadedError) else "spool"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, Code.UNAVAILABLE, str(error), label) from None

    def _read(self, environ: WSGIEnvironment, share: Share) -> bytes:
        encoding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
        read = _READERS.get(encoding)
        if read is None:
            message = f"Content-Encoding {encoding}: send gzip or none"
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, Code.INVALID_ARGUMENT, message, "content_encoding")
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdigit():
            raise Refused(HTTPStatus.BAD_REQUEST, Code.INVALID_ARGUMENT, "Content-Length is not a number", "malformed")
        return read(environ["wsgi.input"], int(length), self._max_body_bytes, share)


def content_type(environ: WSGIEnvironment) -> str:
    """Without parameters, in lower case; empty when there is none."""
    return str(environ.get("CONTENT_TYPE", "")).partition(";")[0].strip().lower()


def _for_type(environ: WSGIEnvironment, by_type: Mapping[str, Handler]) -> Handler:
    """What handles the Content-Type of a POST. Raises Refused."""
    if environ["REQUEST_METHOD"] != "POST":
        message = f"{environ.get('PATH_INFO', '')} takes POST"
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, Code.UNIMPLEMENTED, message, "method")
    given = content_type(environ)
    handler = by_type.get(given)
    if handler is None:
        message = f"Content-Type {given or 'is missing'}: send {' or '.join(filter(None, by_type))}"
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, Code.INVALID_ARGUMENT, message, "content_type")
    return handler
