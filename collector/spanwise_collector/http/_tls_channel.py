"""A connection of the HTTP server that speaks TLS, without ever waiting for its client.

The handshake is made by the first reads, as bytes arrive, on the server's loop; a client that says nothing holds up
nobody, and `Tending` ends it when its time is over. The loop reads while a thread that answers may write, and one TLS
connection is not made for two threads: they take turns at it.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

from waitress.channel import HTTPChannel

log = logging.getLogger(__name__)

# TLS comes in records of at most 16 KiB; a body of a few hundred KiB should not take a round of the loop for each.
_RECORD_BYTES = 2**14
_READ_AT_ONCE_BYTES = 2**18
_SAY_EVERY_S = 10.0
_PLAIN_HTTP = "HTTP_REQUEST"
_SPEAKS_TLS = b"this port speaks TLS: use https://\n"
_ANSWER_TO_PLAIN_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
    % (len(_SPEAKS_TLS), _SPEAKS_TLS)
)


class Failures:
    """Says why connections fail, such as for a certificate that a client does not trust; a line now and then."""

    def __init__(self) -> None:
        self._said_at = -_SAY_EVERY_S
        self._unsaid = 0

    def tell(self, peer: str, reason: str) -> None:
        now = time.monotonic()
        if now - self._said_at < _SAY_EVERY_S:
            self._unsaid += 1
            return
        others = f" ({self._unsaid} others before it)" if self._unsaid else ""
        log.warning("a TLS connection from %s failed: %s%s", peer, reason, others)
        self._said_at, self._unsaid = now, 0


class TlsChannel(HTTPChannel):  # type: ignore[misc]
    """waitress' channel on an SSLSocket. Its lock is taken after `outbuf_lock`, never before."""

    def __init__(self, server: Any, sock: ssl.SSLSocket, addr: Any, adj: Any, map: Any, failures: Failures) -> None:
        self._turns = threading.Lock()
        self._wants_to_write = False
        self._failures = failures
        super().__init__(server, sock, addr, adj, map=map)

    @property
    def handshaking(self) -> bool:
        return self.socket is not None and self.socket.version() is None

    def writable(self) -> bool:
        return bool(self._wants_to_write or super().writable())

    def handle_write(self) -> None:
        if self._wants_to_write and not self.will_close:
            self._wants_to_write = False
            self.handle_read()
        else:
            super().handle_write()

    def handle_read(self) -> None:
        try:
            data = self._receive()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLWantWriteError:
            self._wants_to_write = True
            return
        except OSError as error:
            self._fail(error)
            return
        # Without a version nothing was agreed on, and what came did not come over TLS (CVE-2023-40217).
        if not data or self.handshaking:
            self.handle_close()
            return
        self.last_activity = time.time()
        self.received(data)

    def _receive(self) -> bytes:
        """What has arrived, b"" at the end. Raises OSError, which ssl.SSLError is too."""
        pieces: list[bytes] = []
        with self._turns:
            try:
                while len(pieces) * _RECORD_BYTES < _READ_AT_ONCE_BYTES and (piece := self.socket.recv(_RECORD_BYTES)):
                    pieces.append(piece)
            except OSError:
                if not pieces:  # else it comes again
                    raise
        return b"".join(pieces)

    def send(self, data: bytes, do_close: bool = True) -> int:
        """How much was taken; also called by the threads that answer."""
        try:
            with self._turns:
                return self.socket.send(data) if self.socket is not None else 0
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError:
            if do_close:
                self.handle_close()
            else:
                self.will_close = True
            return 0

    def handle_close(self) -> None:
        with self.outbuf_lock, self._turns:
            if self.socket is not None and not self.handshaking:
                with contextlib.suppress(OSError, ValueError):
                    self.socket.unwrap()  # says goodbye, so that the client knows that nothing was cut off
            super().handle_close()

    def _fail(self, error: OSError) -> None:
        reason = getattr(error, "reason", None)
        if reason == _PLAIN_HTTP:
            with contextlib.suppress(OSError):
                socket.socket.send(self.socket, _ANSWER_TO_PLAIN_HTTP)
                socket.socket.shutdown(self.socket, socket.SHUT_WR)
                # Closing with bytes unread would destroy the answer on its way.
                socket.socket.recv(self.socket, _READ_AT_ONCE_BYTES)
        if reason:
            said = "it spoke plain HTTP" if reason == _PLAIN_HTTP else reason.lower().replace("_", " ")
            self._failures.tell(str(self.addr[0]), said)
        self.handle_close()


def tls_channels(context: Callable[[], ssl.SSLContext]) -> Callable[..., None]:
    """What makes a server's connections; each takes the context of its time."""
    failures = Failures()

    def connect(server: Any, sock: socket.socket, addr: Any, adj: Any, map: Any = None) -> None:
        try:
            secured = context().wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        except (OSError, ValueError):  # the client has gone already
            sock.close()
            return
        TlsChannel(server, secured, addr, adj, map, failures)

    return connect
