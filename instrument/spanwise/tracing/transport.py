"""One OTLP/HTTP request at a time over a kept connection, with the standard library alone.

What an answer means is OTLP's: 200 is accepted (perhaps partly), 429, 502, 503 and 504 may be tried again, everything
else is final. (opentelemetry-proto, docs/specification.md, "OTLP/HTTP Response".)
"""

from __future__ import annotations

import http.client
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from math import isnan
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from spanwise.collector_http import connect
from spanwise.pace import Pace

if TYPE_CHECKING:
    import ssl

_RETRYABLE = frozenset({429, 502, 503, 504})
_MAX_ANSWER_BYTES = 64 * 1024
# Level 1 takes a third of the processor time of level 6 and makes a batch of spans about a tenth larger.
_GZIP_LEVEL = 1
_GZIP_BYTES_PER_S = 300e6  # of spans, at that level, on a slow server
_MAX_RETRY_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class Sent:
    """`ok`: acknowledged. Else `retry` tells whether to try again, not before `retry_after_s` where it is given."""

    ok: bool
    retry: bool = False
    retry_after_s: float | None = None
    reason: str = ""


class Transport(Protocol):
    """Takes one encoded ExportTraceServiceRequest at a time."""

    def pack(self, parts: Iterable[bytes], pace: Pace) -> bytes:
        """The request of these parts as it is sent, however often; gives way to the service in between."""

    def send(self, body: bytes, timeout_s: float) -> Sent:
        """Sends what `pack` made. Never raises."""

    def close(self) -> None: ...


class HttpTransport:
    """`url` is the full address of the traces endpoint; `headers` are sent with every request and never logged; `tls`
    None is the system's trust."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        compress: bool,
        user_agent: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._url = url
        self._tls = tls
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._compress = compress
        self._headers = {"Content-Type": "application/x-protobuf", "User-Agent": user_agent, **headers}
        if compress:
            self._headers["Content-Encoding"] = "gzip"
        self._connection: http.client.HTTPConnection | None = None

    def pack(self, parts: Iterable[bytes], pace: Pace) -> bytes:
        return _gzip(parts, pace) if self._compress else b"".join(parts)

    def send(self, body: bytes, timeout_s: float) -> Sent:
        fresh = self._connection is None
        answer = self._try(body, timeout_s)
        if not answer.ok and not fresh and answer.reason.startswith(_STALE):
            answer = self._try(body, timeout_s)  # the server had closed the kept connection in between
        return answer

    def _try(self, body: bytes, timeout_s: float) -> Sent:
        try:
            connection = self._connection or connect(self._url, timeout_s, self._tls)
            self._connection = connection
            connection.timeout = timeout_s
            if connection.sock is not None:
                connection.sock.settimeout(timeout_s)
            connection.request("POST", self._path, body, self._headers)
            response = connection.getresponse()
            response.read(_MAX_ANSWER_BYTES)
            if not response.isclosed():
                self.close()  # more than any OTLP answer: not worth reading to keep the connection
            return _judge(response)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            self.close()
            return Sent(False, retry=True, reason=f"{_STALE}: {error}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return Sent(False, retry=True, reason=str(error) or type(error).__name__)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class FunctionTransport:
    """Gives each request to a function of this process: how a collector stores its own spans without HTTP."""

    def __init__(self, function: Callable[[bytes], None]) -> None:
        self._function = function

    def pack(self, parts: Iterable[bytes], pace: Pace) -> bytes:
        return b"".join(parts)

    def send(self, body: bytes, timeout_s: float) -> Sent:
        try:
            self._function(body)
        except Exception as error:
            return Sent(False, retry=True, reason=f"{type(error).__name__}: {error}")
        return Sent(True)

    def close(self) -> None:
        pass


_STALE = "the connection was closed"


def _gzip(parts: Iterable[bytes], pace: Pace) -> bytes:
    """In pieces of a slice of time. Compressing leaves the interpreter to others, but the processor that a request
    wakes up on may be the compressor's until a piece is done. Larger pieces beside busy threads, where each piece waits
    for its turn at the interpreter."""
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    packed: list[bytes] = []
    piece: list[bytes] = []
    room = pace.slice_s * _GZIP_BYTES_PER_S
    for part in parts:
        piece.append(part)
        room -= len(part)
        if room <= 0:
            packed.append(compressor.compress(b"".join(piece)))
            piece.clear()
            pace()
            room = pace.slice_s * _GZIP_BYTES_PER_S
    packed += (compressor.compress(b"".join(piece)), compressor.flush())
    return b"".join(packed)


def _judge(response: http.client.HTTPResponse) -> Sent:
    if 200 <= response.status < 300:
        return Sent(True)
    reason = f"HTTP {response.status} {response.reason}"
    if response.status in _RETRYABLE:
        return Sent(False, retry=True, retry_after_s=_retry_after(response.getheader("Retry-After")), reason=reason)
    return Sent(False, reason=reason)


def _retry_after(text: str | None) -> float | None:
    """Seconds or an HTTP date (RFC 9110, 10.2.3), at most a minute."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return None if isnan(seconds) else min(max(seconds, 0.0), _MAX_RETRY_AFTER_S)
