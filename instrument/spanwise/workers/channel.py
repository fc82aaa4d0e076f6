"""Requests between siblings over Unix sockets: HTTP's meaning without its parsing.

One request and one answer a connection, lengths in network byte order, heads are JSON in UTF-8:

    request   "SPW1", uint32 length of HEAD, uint32 length of BODY, HEAD, BODY
              HEAD = {"method", "path", "query": {NAME: [VALUE, ...]}, "headers": {NAME: VALUE}, "trusted_by"}
    answer    "SPW1", uint32 length of HEAD, uint32 length of BODY, HEAD, BODY
              HEAD = {"status", "headers": [[NAME, VALUE], ...], "content_type"}

The path `snapshot` (no slash: it is no page) is answered with a snapshot; every other one by the sibling's own admin
pages. `trusted_by` is what the owner's guard has found out about who asks: siblings believe each other, because only
this user's processes can reach the socket, which both ends check by SO_PEERCRED where the system has it.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SNAPSHOT = "snapshot"
_MAGIC = b"SPW1"
_PREFIX = struct.Struct("!4sII")
_CREDENTIALS = struct.Struct("3i")
_MAX_HEAD_BYTES = 256 * 1024
_MAX_BODY_BYTES = 256 * 1024 * 1024
_READ_BYTES = 256 * 1024
# A sibling sends its request at once; who takes longer is not one.
_REQUEST_TIMEOUT_S = 0.5
_ANSWER_TIMEOUT_S = 10.0
_BACKLOG = 64


class ChannelError(OSError):
    """A sibling that does not answer, or not as a sibling would."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to a sibling."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    trusted_by: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    headers: tuple[tuple[str, str], ...]
    content_type: str
    body: bytes


def listen(path: Path) -> socket.socket:
    """A socket that only this user reaches. Raises OSError, also for a path longer than the system's limit."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ChannelError(f"{path}: {error.strerror or error}") from None
    listener.setblocking(False)
    return listener


def receive(connection: socket.socket) -> Asked:
    """The request on an accepted connection. Raises ChannelError."""
    connection.settimeout(_REQUEST_TIMEOUT_S)
    _check_peer(connection)
    head, body = _read_frame(connection)
    try:
        return Asked(
            str(head["method"]),
            str(head["path"]),
            dict(head["query"]),
            dict(head["headers"]),
            body,
            str(head["trusted_by"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ChannelError(f"a request without {error}") from None


def answer(connection: socket.socket, answered: Answered) -> None:
    """Raises OSError where the sibling is gone."""
    connection.settimeout(_ANSWER_TIMEOUT_S)
    head = {"status": answered.status, "headers": answered.headers, "content_type": answered.content_type}
    connection.sendall(_frame(head, answered.body))


def ask(path: Path, asked: Asked, timeout_s: float) -> Answered:
    """One sibling's answer. Raises ChannelError."""
    until = time.monotonic() + timeout_s
    with _call(path, asked) as connection:
        connection.settimeout(timeout_s)
        return _answered(*_read_frame(connection, until))


def ask_all(paths: Iterable[Path], asked: Asked, timeout_s: float) -> dict[Path, Answered]:
    """All siblings side by side; those that have not answered after `timeout_s` are missing."""
    until = time.monotonic() + timeout_s
    answers: dict[Path, Answered] = {}
    with selectors.DefaultSelector() as selector:
        for path in paths:
            with suppress(OSError):
                connection = _call(path, asked)
                connection.setblocking(False)
                selector.register(connection, selectors.EVENT_READ, (path, bytearray()))
        while selector.get_map() and (left := until - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                path, received = key.data
                if _read_some(key.fileobj, received):  # type: ignore[arg-type]
                    continue
                selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
                with suppress(ChannelError):
                    answers[path] = _answered(*_take_frame(received))
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
    return answers


def _read_some(connection: socket.socket, received: bytearray) -> bool:
    """Whether there is more to come."""
    try:
        data = connection.recv(_READ_BYTES)
    except BlockingIOError:
        return True
    except OSError:
        return False
    received += data
    if not data:
        return False
    try:
        return len(received) < _PREFIX.size or len(received) < _frame_bytes(received)
    except ChannelError:
        return False


def _call(path: Path, asked: Asked) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_REQUEST_TIMEOUT_S)
        connection.connect(str(path))
        _check_peer(connection)
        head = {
            "method": asked.method,
            "path": asked.path,
            "query": {name: list(values) for name, values in asked.query.items()},
            "headers": dict(asked.headers),
            "trusted_by": asked.trusted_by,
        }
        connection.sendall(_frame(head, asked.body))
    except OSError as error:
        connection.close()
        raise ChannelError(f"{path}: {error.strerror or error}") from None
    return connection


def _check_peer(connection: socket.socket) -> None:
    if not hasattr(socket, "SO_PEERCRED"):
        return  # the folder's mode alone keeps others out
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(found)
    if user != os.geteuid():
        raise ChannelError("the other end belongs to another user")


def _frame(head: object, body: bytes) -> bytes:
    text = json.dumps(head).encode()
    return b"".join((_PREFIX.pack(_MAGIC, len(text), len(body)), text, body))


def _read_frame(connection: socket.socket, until: float | None = None) -> tuple[dict[str, Any], bytes]:
    received = bytearray()
    until = time.monotonic() + _REQUEST_TIMEOUT_S if until is None else until
    try:
        while len(received) < _PREFIX.size or len(received) < _frame_bytes(received):
            connection.settimeout(max(0.001, until - time.monotonic()))
            data = connection.recv(_READ_BYTES)
            if not data:
                break
            received += data
    except ChannelError:
        raise
    except TimeoutError:
        raise ChannelError("nothing came in time") from None
    except OSError as error:
        raise ChannelError(error.strerror or str(error)) from None
    return _take_frame(received)


def _frame_bytes(received: bytearray) -> int:
    magic, head_bytes, body_bytes = _PREFIX.unpack_from(received)
    if magic != _MAGIC or head_bytes > _MAX_HEAD_BYTES or body_bytes > _MAX_BODY_BYTES:
        raise ChannelError("what arrives is no message of this version")
    return int(_PREFIX.size + head_bytes + body_bytes)


def _take_frame(received: bytearray) -> tuple[dict[str, Any], bytes]:
    if len(received) < _PREFIX.size or len(received) < _frame_bytes(received):
        raise ChannelError("a message broke off")
    _, head_bytes, body_bytes = _PREFIX.unpack_from(received)
    start = _PREFIX.size
    try:
        head = json.loads(received[start : start + head_bytes])
    except ValueError:
        raise ChannelError("a message has no head") from None
    if not isinstance(head, dict):
        raise ChannelError("a message has no head")
    return head, bytes(received[start + head_bytes : start + head_bytes + body_bytes])


def _answered(head: dict[str, Any], body: bytes) -> Answered:
    try:
        headers = tuple((str(name), str(value)) for name, value in head["headers"])
        return Answered(int(head["status"]), headers, str(head["content_type"]), body)
    except (KeyError, TypeError, ValueError) as error:
        raise ChannelError(f"an answer without {error}") from None
