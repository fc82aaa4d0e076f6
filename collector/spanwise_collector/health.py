"""What keeps the collector from being ready, in words."""

from __future__ import annotations

from spanwise_collector.feeder import Feeder
from spanwise_collector.store import Store


class Health:
    """Looks; changes nothing."""

    def __init__(self, store: Store, feeder: Feeder) -> None:
        self._store = store
        self._feeder = feeder

    def problems(self) -> dict[str, str]:
        """`{part: what is wrong}`; empty when ready."""
        if not self._store.is_open:
            return {"store": self._store.why_not_open}
        if self._feeder.failing is not None:
            return {"store": f"it takes no spans: {self._feeder.failing}"}
        return {}
