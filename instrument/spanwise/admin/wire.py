"""HTTP/1.1 on the wire, as far as an admin server needs it (RFC 9112): requests out of bytes, responses into bytes.

Strict on purpose, where leniency has let requests be smuggled: no folded headers, no space before a colon, no chunked
requests, one Host, one length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from spanwise.admin.limits import Limits

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BAD_IN_TARGET = re.compile(r"[^!-~]")
_LENGTH = re.compile(r"[0-9]{1,15}")
_END_OF_HEAD = b"\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Refused(Exception):
    """A request that is answered with this status and sentence; the connection ends with it."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass(frozen=True, slots=True)
class Head:
    """The part before the body. Header names are lower-case; `path` is decoded, `query` is not."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    http_1_1: bool
    body_bytes: int

    @property
    def keep_alive(self) -> bool:
        tokens = {token.strip().lower() for token in self.headers.get("connection", "").split(",")}
        return "close" not in tokens if self.http_1_1 else "keep-alive" in tokens

    @property
    def expects_continue(self) -> bool:
        return self.http_1_1 and self.headers.get("expect", "").lower() == "100-continue"


def take_head(buffer: bytearray, limits: Limits) -> Head | None:
    """The first head in `buffer`, which is taken out; None while it is incomplete. Raises Refused."""
    while buffer.startswith(b"\r\n"):  # RFC 9112, 2.2: an empty line before a request is to be ignored
        del buffer[:2]
    end = buffer.find(_END_OF_HEAD, 0, limits.head_bytes + len(_END_OF_HEAD))
    if end < 0:
        if len(buffer) > limits.head_bytes:
            raise Refused(431, f"The request line and headers are longer than {limits.head_bytes} bytes.")
        return None
    lines = bytes(buffer[:end]).decode("latin-1").split("\r\n")
    del buffer[: end + len(_END_OF_HEAD)]
    if len(lines) - 1 > limits.headers:
        raise Refused(431, f"There are more than {limits.headers} headers.")
    method, target, http_1_1 = _request_line(lines[0])
    headers = _headers(lines[1:])
    path, query = _target(target)
    if http_1_1 and "host" not in headers:
        raise Refused(400, "The Host header is missing.")
    return Head(method, path, query, headers, http_1_1, _body_bytes(headers, limits))


def _request_line(line: str) -> tuple[str, str, bool]:
    parts = line.split(" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]):
        raise Refused(400, "The request line is not HTTP.")
    if parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        known = re.fullmatch(r"HTTP/[0-9]\.[0-9]", parts[2])
        raise Refused(505 if known else 400, "This server speaks HTTP/1.1 and 1.0.")
    return parts[0], parts[1], parts[2] == "HTTP/1.1"


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        value = value.strip(" \t")
        if not colon or not _TOKEN.fullmatch(name) or _BAD_IN_VALUE.search(value):
            raise Refused(400, "A header line is not HTTP.")
        name = name.lower()
        if name in headers:
            if name in ("host", "content-length", "authorization", "origin"):
                raise Refused(400, f"The header {name} is there twice.")
            value = f"{headers[name]}, {value}"
        headers[name] = value
    return headers


def _target(target: str) -> tuple[str, str]:
    if _BAD_IN_TARGET.search(target):
        raise Refused(400, "The address has characters that must be percent-encoded.")
    if target.startswith(("http://", "https://")):  # RFC 9112, 3.2.2: a server must accept the absolute form
        try:
            parts = urlsplit(target)
        except ValueError:
            raise Refused(400, "The address cannot be read.") from None
        return unquote(parts.path) or "/", parts.query
    if not target.startswith("/"):
        raise Refused(400, "The address must start with /.")
    path, _, query = target.partition("#")[0].partition("?")
    return unquote(path), query


def _body_bytes(headers: dict[str, str], limits: Limits) -> int:
    if "transfer-encoding" in headers:
        raise Refused(411, "Chunked requests are not taken: send Content-Length.")
    text = headers.get("content-length", "0")
    if not _LENGTH.fullmatch(text):
        raise Refused(400, "Content-Length is not a number.")
    if int(text) > limits.body_bytes:
        raise Refused(413, f"The body is longer than {limits.body_bytes} bytes.")
    return int(text)


def response_head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """The status line and headers, Date among them. A line break in a value becomes a space."""
    lines = [f"HTTP/1.1 {status} {_reason(status)}", f"Date: {formatdate(usegmt=True)}"]
    lines += [f"{name}: {_BAD_IN_VALUE.sub(' ', value)}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
