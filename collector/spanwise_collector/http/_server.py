"""One waitress server on several sockets, on a thread of its own, stopped within a bound."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import waitress
from waitress import wasyncore

from spanwise_collector.http._tending import INTERVAL_S, Tending, channels_of
from spanwise_collector.http._tls_channel import tls_channels

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)

# A body beyond the limit is read so far, so that the answer is ours (a 413 in the request's own encoding); beyond
# this, waitress itself ends the request with a 413.
_READ_BEYOND_LIMIT = 2
# Larger bodies wait in a temporary file, not in memory, until they are whole.
_BODY_IN_MEMORY_BYTES = 2**18
# What is read from a connection at once: by default 8 kB, which is twenty turns of the loop for 500 spans.
_RECEIVE_BYTES = 2**16
_MAX_HEADER_BYTES = 64 * 2**10
# Bodies of the largest size that may be on their way at once; further ones are told to come again.
_PARTIAL_BODIES = 32


class Server:
    """`start`, then `stop` once. The sockets are bound already, and closed by `stop`.

    `tls` gives the context of each new connection; None speaks plain HTTP.
    """

    def __init__(
        self,
        app: WSGIApplication,
        sockets: Sequence[socket.socket],
        *,
        threads: int,
        max_body_bytes: int,
        max_connections: int,
        idle_timeout_s: float,
        request_timeout_s: float,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self._tending = Tending(max_connections, request_timeout_s, _PARTIAL_BODIES * max_body_bytes)
        self._sockets: dict[int, Any] = {}
        self._server = waitress.create_server(
            app,
            map=self._sockets,
            sockets=list(sockets),
            threads=threads,
            max_request_body_size=max_body_bytes * _READ_BEYOND_LIMIT + 1,
            max_request_header_size=_MAX_HEADER_BYTES,
            recv_bytes=_RECEIVE_BYTES,
            inbuf_overflow=_BODY_IN_MEMORY_BYTES,
            connection_limit=max_connections,
            channel_timeout=max(int(idle_timeout_s), 1),
            cleanup_interval=max(int(idle_timeout_s / 4), 1),
            asyncore_use_poll=True,
            # Reading on while a request is answered is what tells that its client has gone away.
            channel_request_lookahead=1,
            clear_untrusted_proxy_headers=True,
            ident=None,
            url_scheme="http" if tls is None else "https",
        )
        if tls is not None:
            for listener in self._listeners():
                listener.channel_class = tls_channels(tls)
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a full queue is what the metrics say
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="http-server", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Takes no more requests, lets those under way finish within `timeout_s`, closes all."""
        for listener in self._listeners():
            listener.accepting = False
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=timeout_s)
        self._stopping.set()
        self._thread.join(timeout_s)

    def _listeners(self) -> list[Any]:
        return [entry for entry in self._sockets.values() if getattr(entry, "accepting", False)]

    def _run(self) -> None:
        look_at = 0.0
        while not self._stopping.is_set():
            wasyncore.loop(timeout=INTERVAL_S, use_poll=True, map=self._sockets, count=1)
            now = time.time()
            if now >= look_at:
                self._tending.look(channels_of(list(self._sockets.values())), now)
                look_at = now + INTERVAL_S
        wasyncore.close_all(self._sockets, ignore_all=True)
