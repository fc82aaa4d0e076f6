"""Which share of requests each service samples: as set over HTTP, else as a JSON file has it, else the default.

    {"default": {"rate": 0.1}, "services": {"catalog": {"rate": 0.5, "routes": [{"route": "/albums", "rate": 1.0,
     "max_per_second": 10, "min_per_second": 0.2}]}}}

What was set over HTTP is kept in `sampling.json` of the data folder. A service that neither names gets the file's
default, or the rate of SPANWISE_COLLECTOR_SAMPLING_RATE.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from pathlib import Path
from typing import Any

from spanwise_collector.registry._instances import InstanceError
from spanwise_collector.registry._policy import SamplingPolicyError, parse_policy

log = logging.getLogger(__name__)

MAX_POLICY_BYTES = 64 * 1024
MAX_POLICIES = 1000
_MAX_NAME_LENGTH = 255

Policy = dict[str, Any]


class SamplingPolicies:
    """Reads the file at start (then a fault is an error) and whenever it changes (then the policy before stays).

    `path` is the user's file, `kept_in` ours. Thread-safe.
    """

    def __init__(self, path: Path | None, default_rate: float | None, kept_in: Path | None = None) -> None:
        """Raises SamplingPolicyError."""
        self._path = path
        self._kept_in = kept_in
        self._default: Policy = {"rate": default_rate, "routes": []}
        self._services: dict[str, Policy] = {}
        self._set: dict[str, tuple[Policy, str]] = {}  # with a digest of the token that set it
        self._fallback = self._default
        self._stamp: tuple[int, int] | None = None
        self._lock = threading.Lock()
        if path is not None:
            self._read(path)
        self._read_what_was_set()

    def policy(self, service: str) -> Policy:
        """`{"rate", "routes"}`; `rate` is None where nothing is set."""
        with self._lock:
            self._read_if_changed()
            return self._of(service)

    def all(self) -> dict[str, Any]:
        """`{"default": policy, "services": {name: policy and "set_by"}}`; `set_by` is "api" or "file"."""
        with self._lock:
            self._read_if_changed()
            named = {name: policy | {"set_by": "file"} for name, policy in self._services.items()}
            named |= {name: policy | {"set_by": "api"} for name, (policy, _) in self._set.items()}
            return {"default": self._fallback, "services": dict(sorted(named.items()))}

    def set(self, service: str, body: bytes, owner: str, if_match: str | None = None) -> Policy:
        """Sets and keeps a service's policy. `if_match` is the tag of the one that is to be replaced, or None.

        Raises SamplingPolicyError, InstanceError (another token's, full, or changed meanwhile), or OSError.
        """
        policy = _parsed(service, body)
        with self._lock:
            self._check(service, owner, if_match)
            if service not in self._set and len(self._set) >= MAX_POLICIES:
                raise InstanceError(503, f"there are policies for {MAX_POLICIES} services, which is all there may be")
            self._keep(self._set | {service: (policy, owner)})
        log.info(
            "the sampling policy of %r was set to rate %s, %d routes", service, policy["rate"], len(policy["routes"])
        )
        return policy

    def unset(self, service: str, owner: str, if_match: str | None = None) -> None:
        """Forgets what was set over HTTP; where nothing was, nothing happens. Raises as `set`."""
        with self._lock:
            self._check(service, owner, if_match)
            if service not in self._set:
                return
            self._keep({name: entry for name, entry in self._set.items() if name != service})
        log.info("the sampling policy of %r was taken back", service)

    @staticmethod
    def etag(policy: Policy) -> str:
        """Without quotes; the same for the same policy, over restarts too."""
        return hashlib.sha256(json.dumps(policy, sort_keys=True).encode()).hexdigest()[:16]

    def _of(self, service: str) -> Policy:
        if service in self._set:
            return self._set[service][0]
        return self._services.get(service, self._fallback)

    def _check(self, service: str, owner: str, if_match: str | None) -> None:
        if service in self._set and self._set[service][1] != owner:
            raise InstanceError(403, "another token set this service's policy; only that one may change it")
        if if_match is not None and if_match != self.etag(self._of(service)):
            raise InstanceError(412, "the policy was changed meanwhile: read it again")

    def _keep(self, entries: dict[str, tuple[Policy, str]]) -> None:
        """On disk first, whole or not at all, so that what was answered holds over a restart."""
        if self._kept_in is not None:
            document = {name: {"policy": policy, "owner": owner} for name, (policy, owner) in entries.items()}
            temporary = self._kept_in.with_suffix(".tmp")
            temporary.write_text(json.dumps(document), encoding="utf-8")
            temporary.replace(self._kept_in)
        self._set = entries

    def _read_what_was_set(self) -> None:
        if self._kept_in is None:
            return
        try:
            document = json.loads(self._kept_in.read_text(encoding="utf-8"))
            self._set = {
                name: (parse_policy(entry["policy"], name), str(entry["owner"])) for name, entry in document.items()
            }
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise SamplingPolicyError(
                f"{self._kept_in}, where sampling policies are kept, cannot be read: {error}: mend or remove it"
            ) from None

    def _read_if_changed(self) -> None:
        if self._path is None:
            return
        try:
            stat = self._path.stat()
            if (stat.st_mtime_ns, stat.st_size) != self._stamp:
                self._read(self._path)
        except (OSError, SamplingPolicyError) as error:
            if self._stamp is not None:
                log.warning("the sampling policy stays as it was: %s", error)
                self._stamp = None

    def _read(self, path: Path) -> None:
        try:
            stat = path.stat()
            document = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SamplingPolicyError(f"{path} cannot be read: {error.strerror} (--sampling-file)") from None
        except ValueError as error:
            raise SamplingPolicyError(f"{path} is not JSON: {error} (--sampling-file)") from None
        if not isinstance(document, dict) or set(document) - {"default", "services"}:
            raise SamplingPolicyError(f'{path}: must be an object with "default" and "services"')
        services = document.get("services", {})
        if not isinstance(services, dict):
            raise SamplingPolicyError(f'{path}: "services" must be an object by service name')
        fallback = parse_policy(document["default"], f"{path}: default") if "default" in document else self._default
        self._services = {name: parse_policy(entry, f"{path}: services.{name}") for name, entry in services.items()}
        self._fallback = fallback
        self._stamp = (stat.st_mtime_ns, stat.st_size)


def _parsed(service: str, body: bytes) -> Policy:
    """Raises SamplingPolicyError."""
    if not service or len(service) > _MAX_NAME_LENGTH or not service.isprintable():
        raise SamplingPolicyError(f"service must be a service's name, of at most {_MAX_NAME_LENGTH} characters")
    if len(body) > MAX_POLICY_BYTES:
        raise SamplingPolicyError(f"a policy may have {MAX_POLICY_BYTES} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise SamplingPolicyError("the body is not JSON") from None
    return parse_policy(document, "policy")
