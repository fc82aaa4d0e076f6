"""One small request to the collector, on a connection of its own: registration and sampling policy, every 30 s."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

MAX_ANSWER_BYTES = 256 * 1024
# What a request may raise: no connection, no HTTP, or a header or host that cannot be sent.
FAILURES = (OSError, http.client.HTTPException, ValueError)


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` in lower case; of the body at most MAX_ANSWER_BYTES."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def connect(base_url: str, timeout_s: float, tls: ssl.SSLContext | None) -> http.client.HTTPConnection:
    """Not connected yet. `tls` None trusts whom the system trusts."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=tls)
    return http.client.HTTPConnection(host, parts.port, timeout=timeout_s)


def request(
    base_url: str,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
    timeout_s: float,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """`path` is appended to the path of `base_url`. Raises FAILURES."""
    connection = connect(base_url, timeout_s, tls)
    try:
        connection.request(method, f"{urlsplit(base_url).path}{path}", body, dict(headers))
        response = connection.getresponse()
        text = response.read(MAX_ANSWER_BYTES)
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, text)
    finally:
        connection.close()
