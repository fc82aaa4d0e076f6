"""What the admin pages know of the process they describe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spanwise.admin.audit import AUDIT, Audit
from spanwise.admin.guard import Guard, allowed_tiers
from spanwise.admin.routes import ROUTES, Route, Routes
from spanwise.admin.temporary import CHANGES, Changes
from spanwise.health import HEALTH, Health
from spanwise.settings import Settings
from spanwise.standard import IDENTITY_ATTRIBUTES, IDENTITY_LABELS, METRICS, UNKNOWN, Metric

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from spanwise.tracing.sampling import HeadSampling
    from spanwise.workers import Presence


def _standard_metrics() -> Iterable[Metric]:
    return METRICS


@dataclass(frozen=True, slots=True)
class Process:
    """`identity_attributes` are resource attributes such as "service.name"; `started_at` is in Unix seconds;
    `metrics` gives the standard's rows and those the service declared itself; `sampling` decides on new traces, None
    where spans go nowhere."""

    identity_attributes: Mapping[str, str]
    registry: CollectorRegistry
    settings: Settings
    started_at: float
    metrics: Callable[[], Iterable[Metric]] = _standard_metrics
    health: Health = field(default=HEALTH)
    routes: Routes = field(default=ROUTES)
    audit: Audit = field(default=AUDIT)
    guard: Guard = field(default_factory=Guard)
    sampling: HeadSampling | None = None
    workers: Callable[[], Presence | None] = lambda: None
    changes: Changes = field(default=CHANGES)

    def attribute(self, name: str) -> str:
        """One resource attribute, `unknown` where it is missing or empty."""
        return self.identity_attributes.get(name) or UNKNOWN

    @property
    def identity_labels(self) -> tuple[tuple[str, str], ...]:
        """The three labels that stand on every line of `/metrics`, never absent."""
        attribute_of = {label: attribute for attribute, label in IDENTITY_ATTRIBUTES.items()}
        return tuple((label, self.attribute(attribute_of[label])) for label in IDENTITY_LABELS)

    def visible_routes(self) -> list[Route]:
        """The routes of the index: listed, and not closed by SPANWISE_ADMIN_ACCESS."""
        tiers = allowed_tiers(self.settings["SPANWISE_ADMIN_ACCESS"])
        return [route for route in self.routes.listed() if route.tier in tiers]
