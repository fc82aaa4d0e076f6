"""Files of OTLP traces.

A name that ends in `.jsonl` is OpenTelemetry's file format: one ExportTraceServiceRequest in JSON a line. Any other,
such as `.binpb`, holds the same requests in protobuf one after the other, which is itself one valid request. Either is
compressed when the name ends in `.gz`.
Source: opentelemetry-specification, specification/protocol/file-exporter.md.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_JSON_LINES = ".jsonl"
_COMPRESSED = ".gz"
_RESOURCE_SPANS_TAG = b"\x0a"  # field 1, with a length
_IDS = ("traceId", "spanId", "parentSpanId")
# A longer line or entry than any that a collector takes would not be taken either.
_LONGEST = 256 * 2**20


class FileFormatError(Exception):
    """The file is not what its name says. One line."""


def is_json(path: Path) -> bool:
    """Whether the file is JSON lines, by its name."""
    return path.name.removesuffix(_COMPRESSED).endswith(_JSON_LINES)


def span_count(request: bytes) -> int:
    """How many spans a serialized request has."""
    return sum(
        len(scope_spans.spans)
        for resource_spans in ExportTraceServiceRequest.FromString(request).resource_spans
        for scope_spans in resource_spans.scope_spans
    )


def write(path: Path, requests: Iterable[bytes]) -> int:
    """Makes a file of serialized requests, whole or not at all; returns its bytes. Raises OSError."""
    partial = path.with_name(f".{path.name}.part")
    try:
        with _opened(partial, path, "wb") as file:
            for request in requests:
                file.write(_json_line(request) if is_json(path) else request)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path.stat().st_size


def read(path: Path) -> Iterator[bytes]:
    """The requests of a file: JSON documents or serialized messages (see `is_json`), one resource at a time.

    Raises FileFormatError, or OSError.
    """
    try:
        with _opened(path, path, "rb") as file:
            yield from _lines(file) if is_json(path) else _messages(path, file)
    except (gzip.BadGzipFile, EOFError) as error:
        raise FileFormatError(f"{path} is not a whole gzip file: {error}") from error


def _opened(path: Path, named: Path, mode: str) -> IO[bytes]:
    if named.name.endswith(_COMPRESSED):
        compressed: Any = gzip.GzipFile(path, mode, 6)
        return cast(IO[bytes], compressed)
    return cast(IO[bytes], path.open(mode))


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    return (line for line in file if line.strip())


def _messages(path: Path, file: IO[bytes]) -> Iterator[bytes]:
    """Each ResourceSpans with the tag and length before it: a request of its own."""
    while tag := file.read(1):
        length = _varint(file)
        payload = file.read(length) if tag == _RESOURCE_SPANS_TAG and 0 <= length <= _LONGEST else b""
        if tag != _RESOURCE_SPANS_TAG or len(payload) != length:
            raise FileFormatError(f"{path} is damaged or not OTLP in protobuf, at byte {file.tell()}")
        yield tag + _to_varint(length) + payload


def _varint(file: IO[bytes]) -> int:
    """-1 for what is none."""
    value = 0
    for shift in range(0, 35, 7):
        byte = file.read(1)
        if not byte:
            return -1
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    return -1


def _to_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def _json_line(request: bytes) -> bytes:
    document = json_format.MessageToDict(ExportTraceServiceRequest.FromString(request), use_integers_for_enums=True)
    for resource_spans in document.get("resourceSpans", ()):
        for scope_spans in resource_spans.get("scopeSpans", ()):
            for span in scope_spans.get("spans", ()):
                for holder in (span, *span.get("links", ())):
                    _encode_ids(holder)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _encode_ids(holder: dict[str, Any]) -> None:
    """Base64, which is how the JSON mapping has bytes, to hexadecimal, which is how OTLP has ids."""
    for name in _IDS:
        if name in holder:
            holder[name] = base64.b64decode(holder[name]).hex()
