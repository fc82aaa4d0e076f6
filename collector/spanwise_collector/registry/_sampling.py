"""Which share of requests each service samples, as set in a JSON file:

    {"default": {"rate": 0.1}, "services": {"catalog": {"rate": 0.5, "routes": [{"route": "/albums", "rate": 1.0,
     "max_per_second": 10}]}}}

A service that the file does not name gets the file's default, or the rate of SPANWISE_COLLECTOR_SAMPLING_RATE.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_ROUTE_FIELDS = frozenset({"route", "rate", "max_per_second"})


class SamplingPolicyError(ValueError):
    """A policy file that cannot be used: one line that says where and what is allowed."""


class SamplingPolicies:
    """Reads the file at start (then a fault is an error) and whenever it changes (then the policy before stays)."""

    def __init__(self, path: Path | None, default_rate: float | None) -> None:
        """Raises SamplingPolicyError."""
        self._path = path
        self._default: dict[str, Any] = {"rate": default_rate, "routes": []}
        self._services: dict[str, dict[str, Any]] = {}
        self._fallback = self._default
        self._stamp: tuple[int, int] | None = None
        self._lock = threading.Lock()
        if path is not None:
            self._read(path)

    def policy(self, service: str) -> dict[str, Any]:
        """`{"rate", "routes"}`; `rate` is None where nothing is set."""
        with self._lock:
            self._read_if_changed()
            return self._services.get(service, self._fallback)

    @staticmethod
    def etag(policy: dict[str, Any]) -> str:
        """Without quotes; the same for the same policy, over restarts too."""
        return hashlib.sha256(json.dumps(policy, sort_keys=True).encode()).hexdigest()[:16]

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
        fallback = _policy(document["default"], f"{path}: default") if "default" in document else self._default
        self._services = {name: _policy(entry, f"{path}: services.{name}") for name, entry in services.items()}
        self._fallback = fallback
        self._stamp = (stat.st_mtime_ns, stat.st_size)


def _policy(given: Any, where: str) -> dict[str, Any]:
    if not isinstance(given, dict) or set(given) - {"rate", "routes"}:
        raise SamplingPolicyError(f'{where} must be an object with "rate" and "routes"')
    routes = given.get("routes", [])
    if not isinstance(routes, list):
        raise SamplingPolicyError(f"{where}.routes must be a list")
    rate = _rate(given["rate"], f"{where}.rate") if given.get("rate") is not None else None
    return {"rate": rate, "routes": [_route(route, f"{where}.routes[{i}]") for i, route in enumerate(routes)]}


def _route(given: Any, where: str) -> dict[str, Any]:
    if not isinstance(given, dict) or set(given) - _ROUTE_FIELDS or not isinstance(given.get("route"), str):
        raise SamplingPolicyError(f'{where} must be an object with "route", "rate" and "max_per_second"')
    per_second = given.get("max_per_second")
    if per_second is not None and (
        isinstance(per_second, bool) or not isinstance(per_second, int | float) or per_second < 0
    ):
        raise SamplingPolicyError(f"{where}.max_per_second must be a number of at least 0")
    return {
        "route": given["route"],
        "rate": _rate(given.get("rate"), f"{where}.rate"),
        "max_per_second": per_second,
    }


def _rate(given: Any, where: str) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
        raise SamplingPolicyError(f"{where} must be a number from 0 to 1")
    return float(given)
