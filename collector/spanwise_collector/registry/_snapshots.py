"""The last metrics of jobs that end before anybody scrapes them: kept for an hour, served to Prometheus one by one.

Each is a file in `snapshots/`, a line of JSON and then the OpenMetrics text as it came, so that a restart loses none.
Its key is drawn at random and shown in the service discovery alone: Prometheus sends no token to what it discovers, and
a service's own `/metrics` asks for none either.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from spanwise.standard import IDENTITY_LABELS, UNKNOWN
from spanwise_collector.registry._instances import InstanceError
from spanwise_collector.registry._registration import RegistrationError, check_id

log = logging.getLogger(__name__)

SNAPSHOT_PATH = "/api/spanwise/registry/snapshots"
MAX_SNAPSHOT_BYTES = 1024 * 1024
MAX_SNAPSHOTS = 1000
MAX_SNAPSHOTS_BYTES = 64 * 1024 * 1024
KEPT_S = 3600.0
_SUFFIX = ".openmetrics"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`labels` are the identity's, as on Prometheus; `owner` is a digest of the token that sent it, or empty."""

    key: str
    instance_id: str
    labels: Mapping[str, str]
    owner: str
    taken_ns: int
    size_bytes: int

    def target(self, address: str) -> dict[str, Any]:
        """A target group of Prometheus' HTTP service discovery, served at `address` (the collector's `host:port`)."""
        labels = {**self.labels, "__metrics_path__": f"{SNAPSHOT_PATH}/{self.key}", "instance": self.instance_id}
        return {"targets": [address], "labels": labels}


class Snapshots:
    """Thread-safe. Bounded by number and bytes: the oldest goes first. `clock_ns` is nanoseconds since 1970."""

    def __init__(self, folder: Path, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._folder = folder
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._by_id: dict[str, Snapshot] = {}

    def load(self) -> None:
        """Takes up what an earlier run kept; a file that cannot be read is removed. Raises OSError for the folder."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        found = []
        for path in self._folder.iterdir():
            try:
                with path.open("rb") as file:
                    found.append(Snapshot(**json.loads(file.readline())))
            except (OSError, ValueError, TypeError) as error:
                log.warning("the metrics snapshot %s cannot be read and is removed: %s", path, error)
                path.unlink(missing_ok=True)
        with self._lock:
            self._by_id = {one.instance_id: one for one in sorted(found, key=lambda one: one.taken_ns)}
            self._expire()

    def put(self, instance_id: str, body: bytes, owner: str) -> None:
        """Replaces the instance's earlier one. Raises RegistrationError, InstanceError for another's, or OSError."""
        check_id(instance_id)
        labels = _identity(body)
        with self._lock:
            earlier = self._by_id.get(instance_id)
            if earlier is not None and earlier.owner != owner:
                raise InstanceError(403, "another token sent this instance's snapshot; only that one may replace it")
            key = earlier.key if earlier is not None else secrets.token_urlsafe(16)
            snapshot = Snapshot(key, instance_id, labels, owner, self._clock_ns(), len(body))
            self._write(snapshot, body)
            self._by_id.pop(instance_id, None)  # so that the newest stands last
            self._by_id[instance_id] = snapshot
            self._expire()

    def text(self, key: str) -> bytes | None:
        """The OpenMetrics text as it came; None when there is none, or no more."""
        with self._lock:
            self._expire()
            if not any(one.key == key for one in self._by_id.values()):
                return None
            return self._path(key).read_bytes().partition(b"\n")[2]

    def current(self) -> list[Snapshot]:
        """Oldest first."""
        with self._lock:
            self._expire()
            return list(self._by_id.values())

    def _write(self, snapshot: Snapshot, body: bytes) -> None:
        path = self._path(snapshot.key)
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(json.dumps(asdict(snapshot)).encode() + b"\n" + body)
        temporary.replace(path)

    def _expire(self) -> None:
        oldest_ns = self._clock_ns() - int(KEPT_S * 1e9)
        total = sum(one.size_bytes for one in self._by_id.values())
        for one in list(self._by_id.values()):
            if one.taken_ns >= oldest_ns and len(self._by_id) <= MAX_SNAPSHOTS and total <= MAX_SNAPSHOTS_BYTES:
                return
            del self._by_id[one.instance_id]
            total -= one.size_bytes
            self._path(one.key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"


def _identity(body: bytes) -> dict[str, str]:
    """The identity labels that the text carries on its lines. Raises RegistrationError."""
    if len(body) > MAX_SNAPSHOT_BYTES:
        raise RegistrationError(f"a snapshot may have {MAX_SNAPSHOT_BYTES} bytes")
    labels: dict[str, str] = {}
    try:
        for family in text_string_to_metric_families(body.decode("utf-8")):  # type: ignore[no-untyped-call]
            for sample in family.samples:
                for name in IDENTITY_LABELS:
                    if name in sample.labels:
                        labels.setdefault(name, sample.labels[name])
    except Exception as error:  # the parser raises whatever its code meets
        raise RegistrationError(f"the body is not OpenMetrics 1.0 text: {str(error)[:200]}") from None
    if not labels.get("service_name"):
        raise RegistrationError("no line of the snapshot has a service_name: send what /metrics serves, with identity")
    return {name: labels.get(name) or UNKNOWN for name in IDENTITY_LABELS}
