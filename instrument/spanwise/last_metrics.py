"""A job that ends before it is scraped leaves its last metrics with the collector's registry, which serves them to
Prometheus for an hour (docs/collector-api.md, "snapshots").

Once, at exit. Not for a process that Prometheus has seen: its series would be there twice.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from prometheus_client import CollectorRegistry

from spanwise import exposition
from spanwise.collector_http import FAILURES, request

if TYPE_CHECKING:
    import ssl

_PATH = "/api/spanwise/registry/snapshots"
# What the collector takes.
_MAX_BYTES = 1024 * 1024
_CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
# Sent by Prometheus and those that scrape as it does; a person who looks at /metrics sends none.
SCRAPE_HEADER = "x-prometheus-scrape-timeout-seconds"

_log = logging.getLogger("spanwise")
_scraped = False


def note_request(headers: Mapping[str, str]) -> None:
    """Called for each request for the metrics; header names in lower case."""
    global _scraped
    if SCRAPE_HEADER in headers:
        _scraped = True


def were_scraped() -> bool:
    """Whether Prometheus has asked this process for its metrics."""
    return _scraped


def leave(
    collector_url: str,
    instance_id: str,
    registry: CollectorRegistry,
    identity: Sequence[tuple[str, str]],
    headers: Mapping[str, str],
    timeout_s: float,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Sends the metrics; a failure is one log line. `identity`: the labels that stand on every line."""
    try:
        body = b"".join(exposition.render(registry, openmetrics=True, identity=identity))
        if len(body) > _MAX_BYTES:
            raise ValueError(f"{len(body):,} bytes are more than the {_MAX_BYTES:,} that it takes")
        sent = {**headers, "Content-Type": _CONTENT_TYPE}
        path = f"{_PATH}?instance={quote(instance_id, safe='')}"
        answer = request(collector_url, "POST", path, body, sent, timeout_s, tls)
    except FAILURES as error:
        problem = str(error) or type(error).__name__
    else:
        problem = "" if answer.status < 300 else f"HTTP {answer.status} {answer.body[:200].decode('utf-8', 'replace')}"
    if problem:
        _log.warning(
            "spanwise: the last metrics of this job could not be left with the collector: %s.", problem.strip()
        )
