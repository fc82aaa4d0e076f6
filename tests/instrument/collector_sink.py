"""A collector to test against: a real HTTP server on loopback that keeps what it got and misbehaves as told."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: Mapping[str, str]  # lower-case names
    body: bytes  # as it was before compression
    connection: int  # which of the server's connections it came over


@dataclass(frozen=True)
class Answer:
    """`raw` replaces the whole answer; `cut` closes the connection without announcing it; `delay_s` is waited first."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw: bytes | None = None
    cut: bool = False
    delay_s: float = 0.0


HANG = Answer(status=0)
GARBAGE = Answer(raw=b"\x16\x03\x01 this is not HTTP\r\n\r\n")


class CollectorSink:
    """`answers` are given first and once each, then `always`. Start it again on the same port with `start()`."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.answers: deque[Answer] = deque()
        self.always = Answer()
        self.port = 0
        self._server: ThreadingHTTPServer | None = None
        self._released = threading.Event()
        self._open: set[socket.socket] = set()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._released.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuses connections from now on, and cuts those that are open."""
        server, self._server = self._server, None
        if server is None:
            return
        self._released.set()
        server.shutdown()
        server.server_close()
        self.cut()

    def cut(self) -> None:
        """Closes every kept connection, as a server does that is tired of waiting."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def hang(self, at_most_s: float = 30.0) -> None:
        self._released.wait(at_most_s)

    @property
    def exports(self) -> list[Received]:
        return [request for request in self.requests if request.path.endswith("/v1/traces")]

    def messages(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(request.body) for request in self.exports]

    def spans(self) -> list[Span]:
        return spans_of(self.messages())

    def resources(self) -> list[dict[str, Any]]:
        return [attributes(group.resource) for message in self.messages() for group in message.resource_spans]


def spans_of(messages: list[ExportTraceServiceRequest]) -> list[Span]:
    return [
        span
        for message in messages
        for group in message.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def attributes(owner: Any) -> dict[str, Any]:
    return {pair.key: plain(pair) for pair in owner.attributes}


def plain(pair: KeyValue) -> Any:
    kind = pair.value.WhichOneof("value")
    return None if kind is None else getattr(pair.value, kind)


def _handler(sink: CollectorSink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            sink._open.add(self.connection)

        def finish(self) -> None:
            sink._open.discard(self.connection)
            with contextlib.suppress(OSError):
                super().finish()

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the client has gone, or `cut` took it away
                super().handle()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            sink.requests.append(Received(self.command, self.path, headers, body, id(self.connection)))
            self.give(sink.answers.popleft() if sink.answers else sink.always)

        do_PUT = do_DELETE = do_GET = do_POST

        def give(self, answer: Answer) -> None:
            if answer is HANG:
                sink.hang()
                self.close_connection = True
                return
            if answer.delay_s:
                sink.hang(answer.delay_s)
            if answer.raw is not None:
                self.wfile.write(answer.raw)
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            if answer.cut:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], timeout_s: float = 5.0) -> Any:
    """The condition's first true value; fails when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"not within {timeout_s} s")
