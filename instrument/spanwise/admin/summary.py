"""What the index says at a glance, read from the registry: nothing is measured for it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spanwise.admin.histograms import Buckets
from spanwise.admin.series import histograms
from spanwise.exposition import families
from spanwise.standard import HTTP_SERVER_ACTIVE_REQUESTS, HTTP_SERVER_REQUEST_DURATION

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

    from spanwise.admin.process import Process

_RSS = "process_resident_memory_bytes"


@dataclass(slots=True)
class Traffic:
    """Requests of the whole service or of one route, since the start; `failed` are answers of status 5xx."""

    durations: Buckets = field(default_factory=Buckets)
    failed: float = 0.0

    @property
    def requests(self) -> float:
        return self.durations.count

    @property
    def failed_share(self) -> float:
        return self.failed / self.requests if self.requests else 0.0

    def add(self, durations: Buckets, status: str) -> None:
        self.durations.add(durations)
        if status.startswith("5"):
            self.failed += durations.count


@dataclass(slots=True)
class Summary:
    """`routes` is keyed by method and route; `resident_bytes` is None where the system does not say."""

    uptime_s: float
    threads: int
    total: Traffic = field(default_factory=Traffic)
    routes: dict[tuple[str, str], Traffic] = field(default_factory=dict)
    in_flight: float = 0.0
    resident_bytes: float | None = None

    @property
    def requests_per_s(self) -> float:
        return self.total.requests / max(self.uptime_s, 1.0)

    def busiest(self, most: int) -> list[tuple[tuple[str, str], Traffic]]:
        return sorted(self.routes.items(), key=lambda item: -item[1].requests)[:most]


def summarize(process: Process) -> Summary:
    """One pass over the registry."""
    summary = Summary(max(0.0, time.time() - process.started_at), threading.active_count())
    for family in families(process.registry):
        if family.name == HTTP_SERVER_REQUEST_DURATION.name:
            _add_requests(summary, family)
        elif family.name == HTTP_SERVER_ACTIVE_REQUESTS.name:
            summary.in_flight = sum(sample.value for sample in family.samples)
        elif family.name == _RSS:
            summary.resident_bytes = sum(sample.value for sample in family.samples)
    return summary


def in_flight(process: Process) -> int:
    """Requests that the application is answering now."""
    active = HTTP_SERVER_ACTIVE_REQUESTS.name
    found = (family for family in families(process.registry) if family.name == active)
    return int(sum(sample.value for family in found for sample in family.samples))


def _add_requests(summary: Summary, family: Family) -> None:
    for labels, durations in histograms(family):
        status = labels.get("http_response_status_code", "")
        key = labels.get("http_request_method", ""), labels.get("http_route", "")
        summary.total.add(durations, status)
        summary.routes.setdefault(key, Traffic()).add(durations, status)
