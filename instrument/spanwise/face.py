"""How a process of a service shows itself to the outside: its admin pages and port, its address in the registry."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry

from spanwise import health, metrics, standard
from spanwise.admin import make_application, start_admin
from spanwise.admin.process import Process
from spanwise.collector_tls import collector_tls
from spanwise.diagnosis.recorder import recorder_of
from spanwise.identity import Identity
from spanwise.registration import Registration, reachable_host
from spanwise.settings import Settings
from spanwise.tracing.outage import Outage
from spanwise.tracing.policy_fetch import PolicyFetch, PolicyInForce, PolicyWatch
from spanwise.tracing.sampling import HeadSampling
from spanwise.tracing.setup import collector_headers, exports

if TYPE_CHECKING:
    from spanwise.admin.application import Application
    from spanwise.admin.server import AdminServer
    from spanwise.workers import Presence

_log = logging.getLogger("spanwise")
# A resource attribute of the identity that Prometheus gets on every line is not repeated in target_info.
_TARGET_INFO = {a: label for a, label in standard.IDENTITY_ATTRIBUTES.items() if label in standard.TARGET_INFO.labels}
# What the registry is told of an instance: who it is, and nothing else.
_REGISTERED = frozenset(standard.IDENTITY_ATTRIBUTES) - {"service.instance.id", "spanwise.admin.url"}


class Face:
    """How a process of this service shows itself to the outside; see `spanwise.workers.presence.Face`."""

    def __init__(
        self,
        identity: Identity,
        settings: Settings,
        sampling: HeadSampling,
        outage: Outage,
        *,
        exports: bool,
        workers: Callable[[], Presence | None],
        end: Callable[[], None],
    ) -> None:
        self.application: Application | None = None
        self.end = end
        self.service = identity.service_name
        self.host = str(settings["SPANWISE_ADMIN_HOST"])
        self._identity = identity
        self._settings = settings
        self._sampling = sampling
        self._exports = exports
        self._outage = outage
        self._workers = workers
        self._policy_watch = _policy_watch(identity, settings, sampling)

    def rows(self) -> Iterable[standard.Metric]:
        return (*standard.METRICS, *metrics.declared())

    def make_pages(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        process = Process(
            identity_attributes=self._identity.attributes,
            registry=registry,
            settings=self._settings,
            started_at=time.time(),
            metrics=self.rows,
            sampling=self._sampling if self._exports else None,
            workers=self._workers,
        )
        self.application = make_application(process, self._settings)

    def pages(self) -> Application | None:
        return self.application

    def open(self, port: int | None) -> AdminServer | None:
        assert self.application is not None
        if not self._settings["SPANWISE_ADMIN_LISTEN"]:
            return None
        wanted = self._settings["SPANWISE_ADMIN_PORT"] if port is None else port
        process = self.application.process
        try:
            return start_admin(process, host=self.host, port=wanted, settings=self._settings)
        except OSError as error:
            _log.warning("spanwise: no admin server: %s:%d cannot be listened on (%s).", self.host, wanted, error)
            return None

    def announce(self, admin: AdminServer | None, instance_id: str | None) -> Registration | None:
        shown = self._identity
        if instance_id is not None:
            shown = shown.with_attributes(service_instance_id=instance_id)
        if admin is not None:
            shown = shown.with_attributes(spanwise_admin_url=admin.url)
        _set_target_info(shown)
        _say_who(shown, admin)
        registration = _registration(shown, self._settings, admin, self._outage)
        if registration is not None:
            registration.start()
        return registration

    def watch(self) -> None:
        health.start()
        recorder_of(self._registry)
        if self._policy_watch is not None:
            self._policy_watch.start()

    def goodbye(self, timeout_s: float) -> None:
        url = self._settings["SPANWISE_COLLECTOR_URL"]
        if url is not None:
            headers, tls = collector_headers(self._settings), collector_tls(self._settings)
            Registration(url, self._identity.instance_id, dict, headers, self._outage, tls).withdraw(timeout_s)


def _set_target_info(identity: Identity) -> None:
    present = {label: identity.attributes.get(attribute, "") for attribute, label in _TARGET_INFO.items()}
    REGISTRY.set_target_info({label: value for label, value in present.items() if value})


def _registration(
    identity: Identity, settings: Settings, admin: AdminServer | None, outage: Outage
) -> Registration | None:
    url = settings["SPANWISE_COLLECTOR_URL"]
    if url is None or admin is None:
        return None

    def instance() -> dict[str, object]:
        host = reachable_host(admin.host, url)
        address = f"[{host}]:{admin.port}" if ":" in host else f"{host}:{admin.port}"
        return {
            "identity": {key: value for key, value in identity.attributes.items() if key in _REGISTERED},
            "metrics": f"{address}/metrics",
            "admin_url": f"{admin.scheme}://{address}",
        }

    headers, tls = collector_headers(settings), collector_tls(settings)
    return Registration(url, identity.instance_id, instance, headers, outage, tls)


def _policy_watch(identity: Identity, settings: Settings, sampling: HeadSampling) -> PolicyWatch | None:
    """None where no collector is known, and where the sampler is one that leaves nothing to decide."""
    url = settings["SPANWISE_COLLECTOR_URL"]
    if url is None or not exports(settings, None) or not settings["OTEL_TRACES_SAMPLER"].endswith("traceidratio"):
        return None
    headers, tls = collector_headers(settings), collector_tls(settings)
    fetch = PolicyFetch(url, identity.service_name, headers, PolicyInForce(sampling), tls)
    return PolicyWatch(fetch.fetch)


def _say_who(identity: Identity, admin: AdminServer | None) -> None:
    if identity.name_source not in ("argument", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        _log.warning(
            "spanwise: the service is called %r, after %s; name it by instrument(service=...) or OTEL_SERVICE_NAME.",
            identity.service_name,
            identity.name_source,
        )
    _log.info("spanwise: %s is instrumented; admin at %s", identity.service_name, admin.url if admin else "no port")
