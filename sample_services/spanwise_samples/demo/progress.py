"""How the demo goes: what the load says of itself, and how many spans the collector says it has stored."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .answering import get

# The collector's own metric, as its /metrics writes it.
STORED_SPANS = "spanwise_collector_stored_spans_total"
_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """The load since its beginning: requests, how many came to nothing, the 95th percentile of their latency."""

    elapsed_s: float
    requests: int
    failed: int
    dropped: int
    p95_ms: float | None


def read_load(log: Path) -> LoadFigures | None:
    """The newest figures in the load's log; None before the first."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        for line in reversed(file.read().decode(errors="replace").splitlines()):
            with suppress(ValueError, KeyError, TypeError):
                figures = json.loads(line)
                return LoadFigures(
                    figures["elapsed_s"],
                    figures["requests"],
                    figures["failed"],
                    figures["dropped"],
                    figures["latency_ms"]["p95"],
                )
    return None


def read_stored_spans(collector_admin_url: str) -> int | None:
    """Spans the collector has put into its store since it started; None when it does not answer."""
    answer = get(f"{collector_admin_url}/metrics", accept="text/plain")
    if answer is None or answer[0] != 200:
        return None
    lines = answer[1].decode(errors="replace").splitlines()
    samples = [line for line in lines if line.startswith((f"{STORED_SPANS} ", f"{STORED_SPANS}{{"))]
    return int(sum(float(line.rpartition("} ")[2].split()[-1]) for line in samples))


def describe(elapsed_s: float, now: LoadFigures | None, before: LoadFigures | None, spans: int | None) -> str:
    """One line for people; the rate is that between the two figures."""
    parts = [f"{int(elapsed_s) // 60:02d}:{int(elapsed_s) % 60:02d}"]
    if now is not None:
        span_s = now.elapsed_s - (before.elapsed_s if before else 0.0)
        rate = (now.requests - (before.requests if before else 0)) / span_s if span_s > 0 else 0.0
        parts += [f"{rate:.1f} requests/s", f"{now.failed:,} of {now.requests:,} failed"]
        if now.dropped:
            parts.append(f"{now.dropped:,} not sent in time")
        if now.p95_ms is not None:
            parts.append(f"p95 {now.p95_ms:.0f} ms")
    parts.append("collector does not answer" if spans is None else f"{spans:,} spans stored")
    return "  ".join(parts)
