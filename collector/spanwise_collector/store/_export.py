"""Spans as OTLP again, made by the engine: every field as it was sent, and no Python for each span."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from spanwise_collector.store import dialect
from spanwise_collector.store._otlp_schema import otlp_schema
from spanwise_collector.store._slices import slices

_SQL = Path(__file__).parent / "export" / "requests.sql"
# About 30 MB of the engine's memory at a time.
_SLICE_SPANS = 50_000


@cache
def _statement() -> str:
    return dialect.statement(_SQL.read_text(encoding="utf-8"))


def export_spans(client: Any, from_ns: int, to_ns: int) -> Iterator[bytes]:
    """Serialized requests, of at most 2,048 spans each, with all spans that start in [from_ns, to_ns), by trace id.

    Raises the client's DatabaseError.
    """
    settings = {
        "format_schema_source": "string",
        "format_schema": otlp_schema(),
        "format_schema_message_name": "Request",
    }
    for limits in slices(client, from_ns, to_ns, _SLICE_SPANS):
        parameters = {"from_ns": from_ns, "to_ns": to_ns, **limits}
        yield from _messages(client.raw_query(_statement(), parameters=parameters, fmt="Protobuf", settings=settings))


def _messages(data: bytes) -> Iterator[bytes]:
    """The messages of ClickHouse's format Protobuf: each has its length before it, as a varint."""
    position = 0
    while position < len(data):
        length = shift = 0
        while True:
            byte = data[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        yield data[position : position + length]
        position += length
