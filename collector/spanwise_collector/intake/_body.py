"""Reads a request's body: never more of it, sent or inflated, than the limit."""

from __future__ import annotations

import zlib
from typing import Protocol

from spanwise_collector.intake._in_flight import Share

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_STEP_BYTES = 256 * 2**10


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class TooLargeError(Exception):
    """The body is larger than the limit, as sent or after decompression. A message names another limit."""


class BadEncodingError(ValueError):
    """The body is shorter than its Content-Length, or not what its Content-Encoding says."""


def read_plain(stream: Readable, length: int, max_bytes: int, share: Share) -> bytes:
    """`length` bytes. Raises TooLargeError, BadEncodingError, OverloadedError."""
    if length > max_bytes:
        raise TooLargeError
    share.grow_to(length)
    data = stream.read(length) if length else b""
    if len(data) < length:
        raise BadEncodingError("the body ended before its Content-Length")
    return data


def read_gzip(stream: Readable, length: int, max_bytes: int, share: Share) -> bytes:
    """`length` bytes of gzip (RFC 1952, any number of members), inflated; inflating stops at `max_bytes`.

    Raises TooLargeError, BadEncodingError, OverloadedError.
    """
    data = read_plain(stream, length, max_bytes, share)
    inflated = bytearray()
    while data:
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        while not inflater.eof:
            try:
                piece = inflater.decompress(data, _STEP_BYTES)
            except zlib.error as error:
                raise BadEncodingError(f"the body is not gzip, though Content-Encoding says so: {error}") from error
            data = inflater.unconsumed_tail
            if not piece and not data and not inflater.eof:
                raise BadEncodingError("the gzip body is cut short")
            inflated += piece
            if len(inflated) > max_bytes:
                raise TooLargeError
            share.grow_to(length + len(inflated))
        data = inflater.unused_data
    return bytes(inflated)
