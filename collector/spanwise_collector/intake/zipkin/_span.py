"""A Zipkin span, whichever way it came, and the checks on its parts (zipkin-api, zipkin2-api.yaml)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spanwise_collector.intake._accept import MalformedError

_HEX = re.compile(r"[0-9a-fA-F]+")
_LARGEST = 2**63 - 1
_LARGEST_MICROS = _LARGEST // 1000


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who or with whom; what is not known is empty or 0."""

    service_name: str = ""
    ipv4: str = ""
    ipv6: str = ""
    port: int = 0


@dataclass(slots=True)
class ZipkinSpan:
    """Ids are bytes, times microseconds; `kind` is "" or CLIENT, SERVER, PRODUCER, CONSUMER; 0 and "" mean none."""

    trace_id: bytes
    id: bytes
    parent_id: bytes = b""
    name: str = ""
    kind: str = ""
    timestamp: int = 0
    duration: int = 0
    local: Endpoint = Endpoint()
    remote: Endpoint = Endpoint()
    annotations: list[tuple[int, str]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    debug: bool = False
    shared: bool = False


def hexadecimal(value: Any, size: int, name: str) -> bytes:
    """An id of up to `size` bytes, padded with zeros on the left; a 64-bit trace id becomes one of 128 bits."""
    if not isinstance(value, str) or not _HEX.fullmatch(value) or len(value) > 2 * size:
        raise MalformedError(f"{name} is not 1 to {2 * size} hexadecimal digits: {str(value)[:60]!r}")
    return bytes.fromhex(value.zfill(2 * size))


def text(value: Any, name: str) -> str:
    """Text, or "" for null."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedError(f"{name} is not text: {str(value)[:60]!r}")
    return value


def micros(value: Any, name: str) -> int:
    """Microseconds; 0 for null. Some senders write them as text or with a fraction."""
    number = integer(value, name)
    if not 0 <= number <= _LARGEST_MICROS:
        raise MalformedError(f"{name} is not a time in microseconds: {str(value)[:60]!r}")
    return number


def integer(value: Any, name: str) -> int:
    """An integer; 0 for null."""
    try:
        return 0 if value is None else int(value)
    except (TypeError, ValueError, OverflowError):
        raise MalformedError(f"{name} is not a number: {str(value)[:60]!r}") from None


def mapping(value: Any, name: str) -> Mapping[str, Any]:
    """An object; empty for null."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedError(f"{name} is not an object: {str(value)[:60]!r}")
    return value


def sequence(value: Any, name: str) -> list[Any]:
    """A list; empty for null."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise MalformedError(f"{name} is not a list: {str(value)[:60]!r}")
    return value


def endpoint(value: Any, name: str) -> Endpoint:
    """From JSON. An address that is none is left out, as Zipkin does."""
    given = mapping(value, name)
    return Endpoint(
        text(given.get("serviceName"), f"{name}.serviceName"),
        address(given.get("ipv4")),
        address(given.get("ipv6")),
        port(given.get("port"), f"{name}.port"),
    )


def port(value: Any, name: str) -> int:
    number = integer(value, name)
    if not 0 <= number <= 65535:
        raise MalformedError(f"{name} is not a port: {number}")
    return number


def address(value: Any) -> str:
    """An address in text or in bytes, in its usual form; "" for none."""
    try:
        return str(ipaddress.ip_address(value)) if value and isinstance(value, str | bytes) else ""
    except ValueError:
        return ""
