"""`spanwise.instrument`: puts the parts together, once per process, in an order that can be read from top to bottom."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import Counter, Gauge, Histogram

from spanwise import (
    __version__,
    cardinality,
    databases,
    last_metrics,
    logs,
    metrics,
    objectives,
    runtime,
    standard,
    tasks,
)
from spanwise.admin.guard import Guard
from spanwise.collector_tls import collector_tls
from spanwise.configuration import INSTRUMENT_SETTINGS
from spanwise.face import Face
from spanwise.http import django, flask, httpx, requests, starlette, urllib3, urllib_request
from spanwise.http.asgi import ASGIMiddleware
from spanwise.http.asgi import no_route as no_asgi_route
from spanwise.http.client import ClientRequests
from spanwise.http.server import ServerRequests
from spanwise.http.wsgi import WSGIMiddleware
from spanwise.http.wsgi import no_route as no_wsgi_route
from spanwise.identity import Identity, identify
from spanwise.import_hook import when_imported
from spanwise.otel_variables import without_effect
from spanwise.redaction import Redaction, enforce
from spanwise.settings import Settings, resolve
from spanwise.tracing import propagation
from spanwise.tracing.exporter import DROP_REASONS, SpanExporter
from spanwise.tracing.outage import Outage
from spanwise.tracing.provider import name_process, processor_of, provide
from spanwise.tracing.sampling import HeadSampling
from spanwise.tracing.setup import (
    Export,
    collector_address,
    collector_headers,
    exporter_from,
    sampling_from,
    set_log_level,
    span_limits,
    transport_from,
)
from spanwise.tracing.spans import SpanSink
from spanwise.tracing.transport import Transport
from spanwise.workers import Presence

if TYPE_CHECKING:
    from spanwise.admin.application import Application
    from spanwise.admin.server import AdminServer

_log = logging.getLogger("spanwise")
# Each says whether an application is its own (`matches`) and instruments it in place (`attach`).
_FRAMEWORKS = (flask, starlette, django)
# Each names the module of a client library (`MODULE`) and instruments it (`hook`).
_CLIENTS = (requests, httpx, urllib3, urllib_request)

# The route template of a WSGI environ or an ASGI scope, "" for none.
RouteOf = Callable[[Any], str]

_lock = threading.Lock()
_current: Instrumentation | None = None
_face: Face | None = None


class InstrumentError(TypeError):
    """`instrument` was given something it cannot instrument."""


def instrument(
    app: Any = None,
    *,
    service: str | None = None,
    version: str | None = None,
    owner: str | None = None,
    environment: str | None = None,
    collector: str | None = None,
    sample_rate: float | None = None,
    admin_host: str | None = None,
    admin_port: int | None = None,
    untraced: Sequence[str] = (),
    route: RouteOf | None = None,
    export: Export | None = None,
) -> Instrumentation:
    """Instruments a service: metrics, spans, /admin, registration. One line, before or after routes are added.

    `app` is a Flask, Django, FastAPI or Starlette application (instrumented in place) or any WSGI or ASGI callable
    (serve `Instrumentation.app`; `route` tells the template of a request from its environ or scope); without one, only
    the process itself and its HTTP clients. What is not given comes from the environment; docs/settings.md lists it.
    `collector` is the collector's address, `sample_rate` from 0 to 1, `untraced` path prefixes that make no spans,
    `export` a function that takes encoded OTLP requests in place of HTTP.

    A process is instrumented once: called again it adds `app` and keeps everything else. Raises SettingError for a
    wrong value and InstrumentError for an application it does not know.
    """
    global _current
    with _lock:
        if _current is None or _current.closed:
            arguments = {
                "SPANWISE_COLLECTOR_URL": collector,
                "SPANWISE_ADMIN_HOST": admin_host,
                "SPANWISE_ADMIN_PORT": None if admin_port is None else str(admin_port),
                "OTEL_TRACES_SAMPLER_ARG": None if sample_rate is None else str(sample_rate),
            }
            settings = resolve(INSTRUMENT_SETTINGS, arguments)
            limits = span_limits(settings)
            transport = transport_from(settings, export)
            propagation.check(settings["OTEL_PROPAGATORS"])
            identity = identify(
                service=service,
                version=version,
                environment=environment,
                owner=owner,
                otel_service_name=settings["OTEL_SERVICE_NAME"],
                otel_attributes=settings["OTEL_RESOURCE_ATTRIBUTES"] or {},
            )
            _current = _start(identity, settings, limits, transport)
        elif service is not None and service != _current.identity.service_name:
            _log.warning(
                "spanwise: this process is already instrumented as %r; the name %r is ignored.",
                _current.identity.service_name,
                service,
            )
        if app is not None:
            _current.add(app, tuple(untraced), route)
        return _current


@dataclass(slots=True)
class Instrumentation:
    """An instrumented process. `app` is what a server should serve: the application, wrapped where it had to be."""

    identity: Identity
    settings: Settings
    sampling: HeadSampling
    tracer_provider: TracerProvider
    workers: Presence
    _requests: ServerRequests
    _redaction: Redaction
    _exporter: SpanExporter | None
    app: Any = None
    closed: bool = False

    @property
    def admin(self) -> AdminServer | None:
        """The admin server, None where this machine gave out no port or another worker of the service has it."""
        return self.workers.admin

    @property
    def admin_url(self) -> str | None:
        """`"http://127.0.0.1:9990"`, the same in all workers; None where this machine gave out no port."""
        return self.workers.admin_url

    def add(self, app: Any, untraced: tuple[str, ...] = (), route: RouteOf | None = None) -> None:
        """Instruments one more application of this process; one that is instrumented already stays as it is."""
        self._requests.add_untraced(untraced)
        for framework in _FRAMEWORKS:
            if framework.matches(app):
                framework.attach(app, self._requests, self._redaction)
                self.app = app
                return
        if isinstance(app, (WSGIMiddleware, ASGIMiddleware)):
            self.app = app
        elif not callable(app):
            raise InstrumentError(
                f"spanwise cannot instrument a {type(app).__name__}: give a Flask, Django, FastAPI or Starlette"
                " application, or a WSGI or ASGI callable."
            )
        elif iscoroutinefunction(app) or iscoroutinefunction(type(app).__call__):
            self.app = ASGIMiddleware(app, self._requests, self._redaction, _asgi_route(route))
        else:
            self.app = WSGIMiddleware(app, self._requests, self._redaction, route or no_wsgi_route)

    def force_flush(self, timeout_s: float = 5.0) -> bool:
        """Waits until all spans that have ended are sent; False when time ran out."""
        return self._exporter is None or self._exporter.force_flush(int(timeout_s * 1000))

    def shutdown(self, timeout_s: float = 2.0) -> None:
        """Sends what is left and says goodbye, in at most `timeout_s`; /admin goes last."""
        if self.closed:
            return
        self.closed = True
        until = time.monotonic() + timeout_s
        self._leave_last_metrics(timeout_s / 4)
        self.workers.say_goodbye(timeout_s / 4)
        if self._exporter is not None:
            self._exporter.shutdown(max(0.1, until - time.monotonic()))
        self.workers.end(0.2)
        atexit.unregister(self.shutdown)

    def _leave_last_metrics(self, timeout_s: float) -> None:
        """Of a job, the last of its processes: what ran tasks or has no application, and answered no request."""
        url = self.settings["SPANWISE_COLLECTOR_URL"]
        is_job = (self.app is None or tasks.have_run()) and not self._requests.has_answered
        if url is None or not is_job or last_metrics.were_scraped() or not self.workers.is_last:
            return
        pages = admin_application()
        if pages is not None:
            process, headers = pages.process, collector_headers(self.settings)
            instance_id = self.identity.instance_id
            tls = collector_tls(self.settings)
            last_metrics.leave(url, instance_id, process.registry, process.identity_labels, headers, timeout_s, tls)


def _asgi_route(route: RouteOf | None) -> Callable[[Any, str], str]:
    if route is None:
        return no_asgi_route
    return lambda scope, root_path: route(scope)


@dataclass(frozen=True, slots=True)
class _HttpInstruments:
    server_duration: Histogram
    server_active: Gauge
    client_duration: Histogram
    exported: Counter
    dropped: Counter
    queue_size: Gauge


@cache
def _instruments() -> _HttpInstruments:
    instruments = _HttpInstruments(
        metrics.from_standard(Histogram, standard.HTTP_SERVER_REQUEST_DURATION),
        metrics.from_standard(Gauge, standard.HTTP_SERVER_ACTIVE_REQUESTS),
        metrics.from_standard(Histogram, standard.HTTP_CLIENT_REQUEST_DURATION),
        metrics.from_standard(Counter, standard.SPANS_EXPORTED),
        metrics.from_standard(Counter, standard.SPANS_DROPPED),
        metrics.from_standard(Gauge, standard.SPAN_QUEUE_SIZE),
    )
    # Each reason exists from the start, exporter or not: who has dropped nothing shows 0 and not nothing.
    for reason in DROP_REASONS:
        instruments.dropped.labels(reason)
    return instruments


def _start(identity: Identity, settings: Settings, limits: SpanLimits, transport: Transport | None) -> Instrumentation:
    global _face
    set_log_level(settings)
    _name_variables_without_effect()
    cardinality.set_max_label_sets(settings["SPANWISE_MAX_LABEL_SETS"])
    instruments = _instruments()
    runtime.start()
    sampling = sampling_from(settings, exports=transport is not None)
    outage = Outage(collector_address(settings))
    _face = Face(identity, settings, sampling, outage, exports=transport is not None, workers=_workers, end=_end)
    workers = Presence(_face)
    workers.begin()
    if workers.admin_url is not None:
        identity = identity.with_attributes(spanwise_admin_url=workers.admin_url)
    logs.set_service_name(identity.service_name)

    redaction = Redaction(settings["SPANWISE_REDACT"] or ())
    enforce(redaction)
    exporter = exporter_from(settings, transport, outage, instruments.exported, instruments.dropped, redaction)
    instruments.queue_size.set_function(lambda: float(exporter.queue_size) if exporter is not None else 0.0)
    provider = provide(sampling, identity.attributes, limits, exporter)
    sink = SpanSink(
        provider.resource,
        InstrumentationScope("spanwise", __version__),
        limits,
        processor_of(provider) if exporter is not None else SpanProcessor(),
        exports=exporter is not None,
    )
    propagation.install(settings["OTEL_PROPAGATORS"], sampling)
    w3c_only = propagation.is_w3c_only(settings["OTEL_PROPAGATORS"])
    server = ServerRequests(
        sink,
        sampling,
        instruments.server_duration,
        instruments.server_active,
        slower_than_s=settings["SPANWISE_KEEP_SLOWER_THAN"],
        w3c_only=w3c_only,
        may_force=_may_force(settings),
    )
    if _current is not None:  # it was shut down; its applications go on with this one
        _current._requests.take_over(server)
        server = _current._requests
    objectives.when_declared(server.forget_objectives)
    tasks.trace_with(tasks.TaskSpans(sink, sampling, settings["SPANWISE_KEEP_SLOWER_THAN"]))
    client = ClientRequests(sink, sampling, instruments.client_duration, redaction, w3c_only=w3c_only)
    for library in _CLIENTS:
        when_imported(library.MODULE, partial(library.hook, client=client))
    when_imported(databases.MODULE, databases.hook)

    workers.when_forked(outage.after_fork)
    if exporter is not None:
        workers.when_forked(exporter.after_fork)
    workers.when_forked(name_process)
    started = Instrumentation(identity, settings, sampling, provider, workers, server, redaction, exporter)
    atexit.register(started.shutdown)
    return started


def current() -> Instrumentation | None:
    """What `instrument` returned in this process, None before."""
    return _current


def _end() -> None:
    if _current is not None:
        _current.shutdown()


def _workers() -> Presence | None:
    return None if _current is None else _current.workers


def admin_application() -> Application | None:
    """The admin pages of this process, for whoever serves them inside the application."""
    return _face.application if _face is not None else None


def _name_variables_without_effect() -> None:
    found = without_effect(os.environ, (row.variable for row in INSTRUMENT_SETTINGS))
    if found:
        _log.warning("spanwise: these variables are set and have no effect: %s.", "; ".join(found))


def _may_force(settings: Settings) -> Callable[[str], bool] | None:
    """Whether a text is the admin token; None where no token is configured."""
    if not settings["SPANWISE_ADMIN_TOKEN"] and not settings["SPANWISE_ADMIN_TOKEN_FILE"]:
        return None
    guard = Guard.from_settings(settings)
    return lambda offered: guard.token_like(offered) is not None
