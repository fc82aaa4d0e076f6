"""Trace ids as Jaeger's clients write them: hexadecimal, or the base64 of protobuf's JSON."""

from __future__ import annotations

import base64
import binascii

from spanwise_collector.query import BadSearchError, parse_trace_id

_LENGTHS = (8, 16)


def trace_id_of(given: str) -> str:
    """32 hexadecimal digits. Raises BadSearchError."""
    parsed = parse_trace_id(given) or _from_base64(given)
    if parsed is None:
        raise BadSearchError(f"{given[:100]!r} is not a trace id: up to 32 hexadecimal digits, or base64")
    return parsed


def _from_base64(given: str) -> str | None:
    standard = given.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        decoded = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (ValueError, binascii.Error):
        return None
    return decoded.hex().zfill(32) if len(decoded) in _LENGTHS else None
