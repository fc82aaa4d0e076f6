"""Requests that the store refused: kept with their reason, out of the way, in bounded number."""

from __future__ import annotations

import logging
from pathlib import Path

from spanwise_collector.spool._batches import Batch

log = logging.getLogger(__name__)

# Each is one request that passed validation and that the engine would not take: a fault of ours, and rare.
_KEPT_AT_MOST = 100


class RefusedFolder:
    """For each refused request `<token>.otlp`, an ExportTraceServiceRequest, and `<token>.txt`, the reason."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, batch: Batch, payload: bytes, reason: str) -> None:
        """Raises OSError."""
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f"{batch.token}.otlp"
        path.write_bytes(payload)
        path.with_suffix(".txt").write_text(reason + "\n", encoding="utf-8")
        log.error("the store refused a request; it was set aside in %s: %s", path, reason)
        for old in sorted(self._folder.glob("*.otlp"))[:-_KEPT_AT_MOST]:
            old.unlink(missing_ok=True)
            old.with_suffix(".txt").unlink(missing_ok=True)
