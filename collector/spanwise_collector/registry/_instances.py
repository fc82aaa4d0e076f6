"""The instances that are alive: each sends a heartbeat every 30 s and is gone 90 s after its last, or at its goodbye.

One that is gone is still listed as such for an hour. All are kept over a restart of the collector in `instances.json`,
so that Prometheus does not lose its targets; those alive there have 90 s again to say that they still are.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from spanwise_collector.registry._registration import Registration, check_id

log = logging.getLogger(__name__)

EXPIRY_S = 90.0
HISTORY_S = 3600.0
MAX_INSTANCES = 10_000
ALIVE, GONE, ALL = STATES = ("alive", "gone", "all")
# Heartbeats change nothing that a restart would miss, so the file is written at most so often.
_SAVE_INTERVAL_S = 5.0
_HELD = "the collector itself"


class InstanceError(Exception):
    """A registration that cannot be taken now, or not from this sender. `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Instance:
    """`owner` is a digest of the token that registered it; empty when none was asked for. `gone_ns` 0: it is alive."""

    id: str
    registration: Registration
    owner: str
    first_seen_ns: int
    last_seen_ns: int
    gone_ns: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "state": GONE if self.gone_ns else ALIVE,
            "identity": dict(self.registration.identity),
            "metrics": self.registration.metrics,
            "admin_url": self.registration.admin_url,
            "first_seen_unix_nano": str(self.first_seen_ns),
            "last_seen_unix_nano": str(self.last_seen_ns),
            "gone_unix_nano": str(self.gone_ns) if self.gone_ns else None,
        }


class Registry:
    """Thread-safe. `clock_ns` is nanoseconds since 1970."""

    def __init__(self, path: Path, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._path = path
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._instances: dict[str, Instance] = {}
        self._gone: dict[str, Instance] = {}  # the one that went last stands last
        self._held: Instance | None = None
        self._changed = False
        self._saved_at = 0.0

    def load(self) -> None:
        """Takes up what an earlier run saved; a file that cannot be read is said and left out."""
        try:
            saved = json.loads(self._path.read_text(encoding="utf-8"))
            entries = saved if isinstance(saved, list) else [*saved["gone"], *saved["alive"]]
            now = self._clock_ns()
            alive, gone = {}, {}
            for entry in entries:
                found = Instance(**entry | {"registration": Registration(**entry["registration"])})
                if found.gone_ns:
                    gone[found.id] = found
                else:
                    alive[found.id] = replace(found, last_seen_ns=now)
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("the registry %s cannot be read and begins empty: %s", self._path, error)
            return
        with self._lock:
            self._instances, self._gone = alive, gone

    def put(self, instance_id: str, registration: Registration, owner: str) -> None:
        """A heartbeat. Raises RegistrationError for a bad id, InstanceError for another's entry or a full registry."""
        check_id(instance_id)
        now = self._clock_ns()
        if self._is_held(instance_id):
            raise InstanceError(403, "this instance id is the collector's own")
        with self._lock:
            self._expire(now)
            earlier = self._instances.get(instance_id)
            self._check_owner(earlier, owner)
            if earlier is None and len(self._instances) >= MAX_INSTANCES:
                raise InstanceError(503, f"the registry holds {MAX_INSTANCES} instances, which is all it may")
            first_seen = now if earlier is None else earlier.first_seen_ns
            self._instances[instance_id] = Instance(instance_id, registration, owner, first_seen, now)
            self._gone.pop(instance_id, None)
            if earlier is None or earlier.registration != registration:
                self._changed = True
        self._save_now_and_then()

    def delete(self, instance_id: str, owner: str) -> None:
        """A goodbye; one who is not there may say it too. Raises InstanceError for another's entry."""
        with self._lock:
            self._check_owner(self._instances.get(instance_id), owner)
            if instance_id in self._instances:
                self._let_go(instance_id, self._clock_ns())
        self._save_now_and_then()

    def hold(self, instance_id: str, registration: Registration) -> None:
        """Keeps an entry alive for as long as this process runs: the collector's own. Nobody else may change it."""
        now = self._clock_ns()
        self._held = Instance(instance_id, registration, _HELD, now, now)

    def alive(self, *, own: bool = True) -> list[Instance]:
        """By service name and id."""
        with self._lock:
            self._expire(self._clock_ns())
            instances = [entry for entry in self._instances.values() if not self._is_held(entry.id)]
            if own and self._held is not None:
                instances.append(replace(self._held, last_seen_ns=self._clock_ns()))
        return sorted(instances, key=lambda instance: (instance.registration.identity["service.name"], instance.id))

    def gone(self) -> list[Instance]:
        """Those of the last hour that are alive no more, the latest first."""
        with self._lock:
            self._expire(self._clock_ns())
            return list(reversed(self._gone.values()))

    def listed(self, state: str = ALIVE) -> list[Instance]:
        """Those of one of STATES, the living first."""
        return (self.alive() if state in (ALIVE, ALL) else []) + (self.gone() if state in (GONE, ALL) else [])

    def save(self) -> None:
        """Writes the file, whole or not at all. Raises OSError."""
        with self._lock:
            entries = {
                name: [asdict(instance) for instance in instances.values()]
                for name, instances in ((ALIVE, self._instances), (GONE, self._gone))
            }
            self._changed = False
            self._saved_at = time.monotonic()
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(json.dumps(entries), encoding="utf-8")
            temporary.replace(self._path)

    def _save_now_and_then(self) -> None:
        if self._changed and time.monotonic() - self._saved_at >= _SAVE_INTERVAL_S:
            try:
                self.save()
            except OSError as error:
                log.warning("the registry cannot be saved to %s: %s", self._path, error.strerror)

    def _expire(self, now_ns: int) -> None:
        silent_since = now_ns - int(EXPIRY_S * 1e9)
        for instance in [one for one in self._instances.values() if one.last_seen_ns < silent_since]:
            self._let_go(instance.id, instance.last_seen_ns + int(EXPIRY_S * 1e9))
        oldest = now_ns - int(HISTORY_S * 1e9)
        for instance in [one for one in self._gone.values() if one.gone_ns < oldest]:
            del self._gone[instance.id]
            self._changed = True

    def _let_go(self, instance_id: str, gone_ns: int) -> None:
        self._gone.pop(instance_id, None)
        self._gone[instance_id] = replace(self._instances.pop(instance_id), gone_ns=gone_ns)
        if len(self._gone) > MAX_INSTANCES:
            del self._gone[next(iter(self._gone))]
        self._changed = True

    def _is_held(self, instance_id: str) -> bool:
        return self._held is not None and self._held.id == instance_id

    @staticmethod
    def _check_owner(earlier: Instance | None, owner: str) -> None:
        if earlier is not None and earlier.owner != owner:
            raise InstanceError(403, "another token registered this instance id; only that one may change it")
