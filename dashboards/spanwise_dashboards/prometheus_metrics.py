"""The series that Prometheus itself adds to each target it scrapes (its docs, "Jobs and instances")."""

from __future__ import annotations

from spanwise.standard import Better, Kind, Metric, Role, ServiceKind

UP = Metric(
    name="up",
    kind=Kind.GAUGE,
    unit="1",
    description="1 where Prometheus' last scrape of the target worked, 0 where it did not.",
    role=Role.IDENTITY,
    had_by=ServiceKind.EVERY,
    better=Better.HIGHER,
    domain=(0.0, 1.0),
)
PROMETHEUS_METRICS = (UP,)
