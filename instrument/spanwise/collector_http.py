"""One small request to the collector, on a connection of its own: registration and sampling policy, every 30 s."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_ANSWER_BYTES = 256 * 1024
# What a request may raise: no connection, no HTTP, or a header or host that cannot be sent.
FAILURES = (OSError, http.client.HTTPException, ValueError)


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` in lower case; of the body at most MAX_ANSWER_BYTES."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def request(
    base_url: str, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float
) -> Answer:
    """`path` is appended to the path of `base_url`. Raises FAILURES."""
    parts = urlsplit(base_url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request(method, f"{parts.path}{path}", body, dict(headers))
        response = connection.getresponse()
        text = response.read(MAX_ANSWER_BYTES)
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, text)
    finally:
        connection.close()
