"""How a family is merged: as the standard or the service says, else as prometheus-client was told, else not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from spanwise.standard import Metric, Workers

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric as Family

    from spanwise.workers.snapshot import MergeOf

# prometheus_client.Gauge(multiprocess_mode=...), whose default is "all": a series for each process.
_PROMETHEUS_MODES = {
    "all": Workers.EACH,
    "liveall": Workers.EACH,
    "sum": Workers.SUM,
    "livesum": Workers.SUM,
    "max": Workers.MAX,
    "livemax": Workers.MAX,
    "min": Workers.MIN,
    "livemin": Workers.MIN,
    "mostrecent": Workers.MAX,
    "livemostrecent": Workers.MAX,
}
_SAME_EVERYWHERE = frozenset({"info", "stateset"})


def merge_of(rows: Callable[[], Iterable[Metric]], registry: CollectorRegistry) -> MergeOf:
    """For one snapshot: `rows` are the standard's and the declared ones, asked now."""
    declared = {row.name: row.workers for row in rows()}
    # The registry has no public way from a name to its collector.
    collectors: dict[str, Any] = getattr(registry, "_names_to_collectors", {})

    def merge(family: Family) -> Workers:
        if family.type in _SAME_EVERYWHERE:
            return Workers.MAX
        if family.type not in ("gauge", "unknown"):
            return Workers.SUM
        known = declared.get(family.name)
        if known is not None:
            return known
        mode = getattr(collectors.get(family.name), "_multiprocess_mode", "all")
        return _PROMETHEUS_MODES.get(mode, Workers.EACH)

    return merge
