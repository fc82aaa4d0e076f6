"""The connections of the admin port: one thread reads them all, so that slow or silent clients hold no worker.

A connection is either read here, or answered by a worker, never both:

    accept -> read head and body (time-out, size limits) -> worker answers -> back to reading, or closed
"""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from spanwise.admin.limits import Limits
from spanwise.admin.wire import CONTINUE, Head, Refused, take_head
from spanwise.tls import TlsFiles

_READ_BYTES = 64 * 1024
_ACCEPT_PAUSE_S = 0.1

_log = logging.getLogger("spanwise")


@dataclass(slots=True, eq=False)
class Connection:
    """`deadline` and `quiet_since` are in time.monotonic()."""

    sock: socket.socket
    peer: str
    deadline: float
    quiet_since: float
    buffer: bytearray = field(default_factory=bytearray)
    head: Head | None = None
    refused: bool = False

    @property
    def idle(self) -> bool:
        return self.head is None and not self.buffer and not self.refused

    def close(self) -> None:
        self.sock.close()


# Called by the reading thread with a whole request; the answer ends in `give_back` or `drop`.
OnRequest = Callable[[Connection, Head, bytes], None]
# The bytes that tell a client why it was refused.
OnRefused = Callable[[Refused], bytes]


class Connections:
    """Owns the listening socket and every connection. `run` is the body of its thread."""

    def __init__(
        self,
        listener: socket.socket,
        limits: Limits,
        on_request: OnRequest,
        on_refused: OnRefused,
        tls: TlsFiles | None = None,
    ) -> None:
        self._listener = listener
        self._tls = tls
        self._limits = limits
        self._on_request = on_request
        self._on_refused = on_refused
        self._reading: set[Connection] = set()
        self._answering: set[Connection] = set()
        self._returned: deque[tuple[Connection, bool]] = deque()
        self._closing = False
        self._closed = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._wake_receiver, self._wake_sender = socket.socketpair()
        for sock in (listener, self._wake_receiver, self._wake_sender):
            sock.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(self._wake_receiver, selectors.EVENT_READ)

    def run(self) -> None:
        try:
            while not self._closing:
                for key, _ in self._selector.select(self._wait_s()):
                    self._on_readable(key)
                self._take_back()
                self._expire()
        finally:
            self._close_all()

    def give_back(self, connection: Connection, *, keep: bool) -> None:
        """From a worker: the request is answered; the connection is read again, or closed."""
        self._returned.append((connection, keep))
        self._wake()
        if self._closed.is_set():
            self._take_back()

    def close(self) -> None:
        """Closes the port and what is only read; what is being answered ends in `give_back`."""
        self._closing = True
        self._wake()

    def wait_closed(self, timeout_s: float) -> None:
        self._closed.wait(timeout_s)

    def close_after_fork(self) -> None:
        """In a forked child, where the thread does not exist: closes this process's copies and nothing of the parent's.

        The selector is only closed, never told to forget a socket: parent and child share what is behind it.
        """
        self._closing = True
        for connection in (*self._reading, *self._answering):
            connection.close()
        for closable in (self._listener, self._wake_receiver, self._wake_sender, self._selector):
            closable.close()

    def _on_readable(self, key: selectors.SelectorKey) -> None:
        if key.fileobj is self._listener:
            self._accept()
        elif key.fileobj is self._wake_receiver:
            self._drain_wakes()
        else:
            connection: Connection = key.data
            try:
                if connection in self._reading:  # or it was closed by what came before in the same round
                    self._read(connection)
            except Exception as error:
                _log.error("admin: a connection failed: %s: %s", type(error).__name__, error)
                self._drop(connection)

    def _accept(self) -> None:
        try:
            sock, address = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as error:
            _log.warning("admin: cannot accept a connection: %s", error.strerror or error)
            if not self._make_room():
                time.sleep(_ACCEPT_PAUSE_S)  # the socket stays readable: do not spin
            return
        if len(self._reading) + len(self._answering) >= self._limits.connections and not self._make_room():
            sock.close()
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            # The handshake is made by the first reads, as bytes arrive, so that a silent client holds up nobody.
            try:
                sock = self._tls.context().wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            except (OSError, ValueError):  # the client has gone already
                sock.close()
                return
        now = time.monotonic()
        connection = Connection(sock, str(address[0]).partition("%")[0], now + self._limits.idle_timeout_s, now)
        self._reading.add(connection)
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _make_room(self) -> bool:
        if not self._reading:
            return False
        self._drop(min(self._reading, key=lambda connection: connection.quiet_since))
        return True

    def _read(self, connection: Connection) -> None:
        try:
            data = _received(connection.sock)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
            return
        if connection.refused:
            return  # thrown away, so that the client gets to read the refusal
        connection.quiet_since = time.monotonic()
        if connection.idle:
            connection.deadline = connection.quiet_since + self._limits.request_timeout_s
        connection.buffer += data
        self._advance(connection)

    def _advance(self, connection: Connection) -> None:
        """Hands over the next request, if it is all there."""
        if connection.head is None:
            try:
                connection.head = take_head(connection.buffer, self._limits)
            except Refused as refused:
                self._refuse(connection, refused)
                return
            if connection.head is None:
                return
            if connection.head.expects_continue and len(connection.buffer) < connection.head.body_bytes:
                connection.sock.send(CONTINUE)
        head = connection.head
        if len(connection.buffer) < head.body_bytes:
            return
        body = bytes(connection.buffer[: head.body_bytes])
        del connection.buffer[: head.body_bytes]
        connection.head = None
        self._selector.unregister(connection.sock)
        self._reading.discard(connection)
        self._answering.add(connection)
        self._on_request(connection, head, body)

    def _refuse(self, connection: Connection, refused: Refused) -> None:
        """Says why and closes in two steps: closing at once, with bytes unread, would destroy the answer on its way."""
        connection.refused = True
        connection.buffer.clear()
        connection.deadline = time.monotonic() + self._limits.linger_timeout_s
        try:
            connection.sock.send(self._on_refused(refused))
            connection.sock.shutdown(socket.SHUT_WR)
        except (OSError, ValueError):  # ValueError: TLS was not agreed on yet
            self._drop(connection)

    def _take_back(self) -> None:
        while self._returned:
            connection, keep = self._returned.popleft()
            self._answering.discard(connection)
            if not keep or self._closing:
                connection.close()
                continue
            connection.quiet_since = time.monotonic()
            timeout_s = self._limits.request_timeout_s if connection.buffer else self._limits.idle_timeout_s
            connection.deadline = connection.quiet_since + timeout_s
            connection.sock.setblocking(False)
            self._reading.add(connection)
            self._selector.register(connection.sock, selectors.EVENT_READ, connection)
            if connection.buffer:
                self._advance(connection)

    def _expire(self) -> None:
        now = time.monotonic()
        for connection in [each for each in self._reading if each.deadline <= now]:
            if connection.idle or connection.refused:
                self._drop(connection)
            else:
                self._refuse(connection, Refused(408, "The request did not arrive in time."))

    def _wait_s(self) -> float | None:
        """Until the next deadline; for ever while nothing is open."""
        if not self._reading:
            return None
        return max(0.0, min(connection.deadline for connection in self._reading) - time.monotonic())

    def _drop(self, connection: Connection) -> None:
        if connection not in self._reading:
            return
        self._selector.unregister(connection.sock)
        self._reading.discard(connection)
        connection.close()

    def _wake(self) -> None:
        with suppress(OSError):  # full: it is awake; closed: it has ended
            self._wake_sender.send(b"\0")

    def _drain_wakes(self) -> None:
        try:
            self._wake_receiver.recv(_READ_BYTES)
        except BlockingIOError:
            return

    def _close_all(self) -> None:
        for connection in list(self._reading):
            self._drop(connection)
        for closable in (self._selector, self._listener, self._wake_receiver, self._wake_sender):
            closable.close()
        self._closed.set()
        self._take_back()


def _received(sock: socket.socket) -> bytes:
    """What has arrived, b"" at the end. TLS keeps what it has decrypted to itself: the selector does not know of it."""
    data = sock.recv(_READ_BYTES)
    if isinstance(sock, ssl.SSLSocket):
        while data and sock.pending():
            data += sock.recv(sock.pending())
    return data
