"""Ends connections that take up room and give nothing: requests that dribble in, and idle ones when there is no room.

waitress collects a request before a thread sees it, so a slow sender costs no thread; but it never gives up on one
that sends a byte now and then, and at its connection limit it lets everybody wait until idle connections time out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable
from http import HTTPStatus
from typing import Any

# Looking this often, a flood of idle connections is cleared faster than it comes, and costs nothing when there is none.
INTERVAL_S = 0.25
# Near the limit the longest idle go until a quarter is free.
_NEAR_LIMIT = 0.95
_ENOUGH = 0.75


class Tending:
    """Called by the server's loop, on its thread, with its channels (waitress' word for connections)."""

    def __init__(self, max_connections: int, request_timeout_s: float, max_partial_bytes: int) -> None:
        """`max_partial_bytes` bounds what has come of all requests that are not whole yet."""
        self._max_connections = max_connections
        self._request_timeout_s = request_timeout_s
        self._max_partial_bytes = max_partial_bytes
        # Of each channel: the request that is under way, and when it was first seen.
        self._since: dict[int, tuple[Any, float]] = {}

    def look(self, channels: Collection[Any], now: float) -> None:
        """`now` is seconds since 1970, as waitress counts."""
        self._note(channels, now)
        self._end_slow(channels, now)
        self._end_handshakes(channels, now)
        self._make_room(channels)

    def _note(self, channels: Collection[Any], now: float) -> None:
        before, self._since = self._since, {}
        for channel in channels:
            request = channel.request
            if request is not None:
                known, since = before.get(id(channel), (None, now))
                self._since[id(channel)] = (request, since if known is request else now)

    def _end_slow(self, channels: Collection[Any], now: float) -> None:
        partial = sorted(
            (self._since[id(channel)][1], index, channel)
            for index, channel in enumerate(channels)
            if id(channel) in self._since
        )
        total = sum(_received_bytes(channel) for _, _, channel in partial)
        for since, _, channel in partial:
            if now - since > self._request_timeout_s:
                _end(channel, HTTPStatus.REQUEST_TIMEOUT)
            elif total > self._max_partial_bytes:
                _end(channel, HTTPStatus.SERVICE_UNAVAILABLE)
            else:
                continue
            total -= _received_bytes(channel)

    def _end_handshakes(self, channels: Collection[Any], now: float) -> None:
        """A TLS handshake has the time of a request."""
        for channel in channels:
            if getattr(channel, "handshaking", False) and now - channel.creation_time > self._request_timeout_s:
                channel.will_close = True

    def _make_room(self, channels: Collection[Any]) -> None:
        if len(channels) < self._max_connections * _NEAR_LIMIT:
            return
        waiting = [channel for channel in channels if not channel.requests and not channel.total_outbufs_len]
        waiting.sort(key=lambda channel: channel.last_activity)
        for channel in waiting[: max(len(channels) - int(self._max_connections * _ENOUGH), 0)]:
            channel.will_close = True


def channels_of(sockets: Iterable[Any]) -> list[Any]:
    """The connections among a server's sockets, which are also listeners and a wake-up pipe."""
    return [entry for entry in sockets if hasattr(entry, "requests")]


def _received_bytes(channel: Any) -> int:
    body = channel.request.body_rcv if channel.request is not None else None
    return len(body.getbuf()) if body is not None else 0


def _end(channel: Any, status: HTTPStatus) -> None:
    """Says why, if that can be said at once, and closes."""
    retry = "Retry-After: 2\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else ""
    answer = f"HTTP/1.1 {status.value} {status.phrase}\r\n{retry}Connection: close\r\nContent-Length: 0\r\n\r\n"
    if not channel.requests:
        with contextlib.suppress(OSError):
            channel.send(answer.encode())
    channel.will_close = True
