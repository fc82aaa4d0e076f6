"""The last minute in a few numbers: what has to be compared with before to be judged.

One look each five seconds: two small files, one counter. It is the only thing here that runs unasked.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from spanwise import cgroup
from spanwise.diagnosis.exceptions import watch_threads
from spanwise.diagnosis.garbage import PAUSES, watch_collections
from spanwise.diagnosis.log_lines import watch_log
from spanwise.standard import SPANS_DROPPED

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from spanwise.diagnosis.auto_capture import AutoCapture

_EVERY_S = 5.0
_KEPT_S = 60.0


@dataclass(frozen=True, slots=True)
class Look:
    """Totals at a moment (time.monotonic()); `dropped` are spans by reason."""

    at: float
    gc_s: float
    collections: tuple[int, ...]
    cpu: cgroup.CpuUse | None
    dropped: Mapping[str, float] = field(default_factory=dict)


class Recorder:
    def __init__(self, registry: CollectorRegistry, root: Path = cgroup.ROOT) -> None:
        self._registry = registry
        self._root = root
        self._looks: deque[Look] = deque(maxlen=int(_KEPT_S / _EVERY_S) + 1)
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self.auto_capture: AutoCapture | None = None  # where rules are set

    def start(self) -> None:
        """Begins to record. Called again, also after a fork, it is safe."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            watch_collections()
            watch_threads()
            watch_log()
            self._stopping = threading.Event()
            self._looks.clear()
            self.record()
            self._thread = threading.Thread(target=self._run, name="spanwise-recorder", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def record(self) -> Look:
        look = self.look()
        self._looks.append(look)
        return look

    def look(self) -> Look:
        return Look(
            time.monotonic(),
            PAUSES.total_s,
            tuple(PAUSES.collections),
            cgroup.cpu_use(self._root),
            self._dropped(),
        )

    def before(self, seconds: float) -> Look | None:
        """The oldest look of the last `seconds`."""
        since = time.monotonic() - seconds
        return next((look for look in tuple(self._looks) if look.at >= since), None)

    def _dropped(self) -> dict[str, float]:
        families = self._registry.restricted_registry([SPANS_DROPPED.name]).collect()
        return {
            sample.labels.get("reason", ""): sample.value
            for family in families
            for sample in family.samples
            if sample.name == SPANS_DROPPED.name
        }

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            self.record()
            if self.auto_capture is not None:
                self.auto_capture.look()


_recorders: dict[int, tuple[CollectorRegistry, Recorder]] = {}


def recorder_of(registry: CollectorRegistry) -> Recorder:
    """The one recorder of a registry, running."""
    known = _recorders.get(id(registry))
    if known is None or known[0] is not registry:
        known = _recorders[id(registry)] = registry, Recorder(registry)
    known[1].start()
    return known[1]
