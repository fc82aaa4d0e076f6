"""The admin port: binds it, never fails because it is taken, and joins connections, workers and the application."""

from __future__ import annotations

import errno
import logging
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import parse_qs

from spanwise.admin import builtin
from spanwise.admin.application import Application
from spanwise.admin.connections import Connection, Connections
from spanwise.admin.guard import Guard
from spanwise.admin.limits import Limits
from spanwise.admin.messages import Request, Response
from spanwise.admin.pool import Pool
from spanwise.admin.process import Process
from spanwise.admin.tls import tls_files
from spanwise.admin.wire import Head, Refused, response_head
from spanwise.diagnosis.recorder import recorder_of
from spanwise.settings import Settings
from spanwise.tls import TlsFiles

_BACKLOG = 128
_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to show, not what to bind
_BODILESS = (204, 304)
# Linux tells of a client that has closed its side even when bytes of it are still unread.
_HUNG_UP = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR

_log = logging.getLogger("spanwise")


def start_admin(
    process: Process, *, host: str, port: int, settings: Settings, limits: Limits | None = None
) -> AdminServer:
    """Serves the admin pages from threads of its own. A port that is taken costs one log line, and another is used.

    Raises OSError only where this machine gives out no port at all, and SettingError for a certificate that cannot be
    used.
    """
    tls = tls_files(settings)
    server = AdminServer(_listen(host, port), make_application(process, settings), limits or Limits(), tls)
    server.start()
    return server


def make_application(process: Process, settings: Settings) -> Application:
    """The admin pages of a process, to be served on a port, inside its application, or both."""
    builtin.register()
    process.health.heartbeat.timeout_s = settings["SPANWISE_ADMIN_HEARTBEAT_TIMEOUT"]
    rules = settings["SPANWISE_ADMIN_CAPTURE_WHEN"]
    if rules:
        from spanwise.diagnosis.auto_capture import AutoCapture

        recorder_of(process.registry).auto_capture = AutoCapture(rules)
    return Application(process, Guard.from_settings(settings))


class AdminServer:
    """`url` is where a person on this machine opens it; `host` and `port` are what it is bound to."""

    def __init__(
        self, listener: socket.socket, application: Application, limits: Limits, tls: TlsFiles | None = None
    ) -> None:
        self.host, self.port = listener.getsockname()[:2]
        self.scheme = "http" if tls is None else "https"
        shown = _WILDCARDS.get(self.host, self.host)
        self.url = f"{self.scheme}://[{shown}]:{self.port}" if ":" in shown else f"{self.scheme}://{shown}:{self.port}"
        self.application = self._application = application
        self._limits = limits
        self._workers = Pool("spanwise-admin", limits.threads)
        self._probe_workers = Pool("spanwise-admin-probe", limits.probe_threads)
        self._connections = Connections(listener, limits, self._on_request, self._on_refused, tls)
        self._reader = threading.Thread(target=self._connections.run, name="spanwise-admin-reader", daemon=True)
        self._closing = False

    def start(self) -> None:
        self._reader.start()

    def close(self, timeout_s: float = 2.0) -> None:
        """Closes the port at once and lets answers that are under way end, within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        self._closing = True
        self._connections.close()
        self._reader.join(timeout_s)
        for pool in (self._probe_workers, self._workers):
            pool.close(max(0.0, deadline - time.monotonic()))

    def close_after_fork(self) -> None:
        """In a forked child: lets go of the parent's port and connections, which the parent keeps serving."""
        self._closing = True
        self._connections.close_after_fork()

    def _on_request(self, connection: Connection, head: Head, body: bytes) -> None:
        # Other workers may be slow to answer: that must not hold up the probes of this one.
        probe = self._application.is_probe(head.path) and "worker=" not in head.query
        pool = self._probe_workers if probe else self._workers
        pool.submit(lambda: self._serve(connection, head, body))

    def _serve(self, connection: Connection, head: Head, body: bytes) -> None:
        keep = head.keep_alive
        try:
            response = self._response(connection, head, body)
            keep = keep and not self._closing
            keep = self._send(connection.sock, head, response, keep)
        except OSError:
            keep = False  # the client is gone or too slow
        except BaseException as error:
            keep = False
            _log.error("admin: the answer to %s broke off: %s: %s", head.path, type(error).__name__, error)
        finally:
            self._connections.give_back(connection, keep=keep)

    def _response(self, connection: Connection, head: Head, body: bytes) -> Response:
        application = self._application
        try:
            query = parse_qs(head.query, keep_blank_values=True, max_num_fields=self._limits.query_fields)
        except ValueError:
            query = None
        request = Request(
            method=head.method,
            path=head.path,
            query=query or {},
            headers=head.headers,
            peer=connection.peer,
            body=body,
            process=application.process,
            own_port=True,
            encrypted=self.scheme == "https",
            gone=lambda: self._closing or _hung_up(connection.sock),
        )
        if query is None:
            return application.refuse(request, 400, "The query cannot be read, or has too many parameters.")
        return application.answer(request)

    def _send(self, sock: socket.socket, head: Head, response: Response, keep: bool) -> bool:
        """Sends the response; whether the connection may be used again. Raises OSError, and what a stream raises."""
        sock.settimeout(self._limits.write_timeout_s)
        streamed = not isinstance(response.body, bytes)
        headers = list(response.headers)
        if response.body != b"":
            headers.insert(0, ("Content-Type", response.content_type))
        if not streamed:
            if response.status not in _BODILESS:
                headers.append(("Content-Length", str(len(response.body))))  # type: ignore[arg-type]
        elif head.http_1_1:
            headers.append(("Transfer-Encoding", "chunked"))
        else:
            keep = False
        if not keep:
            headers.append(("Connection", "close"))
        elif not head.http_1_1:
            headers.append(("Connection", "keep-alive"))
        start = response_head(response.status, headers)
        if isinstance(response.body, bytes):
            sock.sendall(start if head.method == "HEAD" else start + response.body)
            return keep
        sock.sendall(start)
        if head.method != "HEAD":
            _send_stream(sock, response.body, chunked=head.http_1_1)
        return keep

    def _on_refused(self, refused: Refused) -> bytes:
        """The bytes for a request that was not understood; there is nobody to negotiate with, so it is plain text."""
        request = Request("GET", "", {}, {}, "", b"", self._application.process)
        response = self._application.refuse(request, refused.status, refused.why)
        body = response.body if isinstance(response.body, bytes) else b""
        headers = [("Content-Type", response.content_type), *response.headers]
        headers += [("Content-Length", str(len(body))), ("Connection", "close")]
        return response_head(refused.status, headers) + body


def _hung_up(sock: socket.socket) -> bool:
    """Whether the client has closed its side, by what the system says: reading would not tell it over TLS."""
    try:
        poll = select.poll()
        poll.register(sock, _HUNG_UP)
        return bool(poll.poll(0))
    except (OSError, ValueError):
        return True


def _send_stream(sock: socket.socket, pieces: Iterator[bytes], *, chunked: bool) -> None:
    for piece in pieces:
        if piece:
            sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
    if chunked:
        sock.sendall(b"0\r\n\r\n")


def _listen(host: str, port: int) -> socket.socket:
    try:
        return _bind(host, port)
    except OSError as error:
        first = error
    for other in (host, "127.0.0.1"):
        with suppress(OSError):
            listener = _bind(other, 0)
            _log.warning(
                "admin: port %s on %s is %s; listening on port %s instead. SPANWISE_ADMIN_PORT chooses another.",
                port,
                host,
                "in use" if first.errno == errno.EADDRINUSE else f"not to be had ({first.strerror or first})",
                listener.getsockname()[1],
            )
            return listener
    raise first


def _bind(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
