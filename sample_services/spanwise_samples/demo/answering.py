"""Whether something answers, asked so that the asking can never take long."""

from __future__ import annotations

import contextlib
import http.client
from urllib.parse import urlsplit

TIMEOUT_S = 0.5  # of a question to this machine; it also bounds how late a signal is noticed
_MOST_BYTES = 4 * 2**20


def get(url: str, accept: str = "*/*") -> tuple[int, bytes] | None:
    """Status and body, or None when nothing answers in time."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", parts.path or "/", headers={"Accept": accept})
        response = connection.getresponse()
        return response.status, response.read(_MOST_BYTES)
    return None


def answers(url: str) -> bool:
    answer = get(url)
    return answer is not None and answer[0] == 200
