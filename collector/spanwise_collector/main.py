"""Starts and stops the collector, part by part, each step timed.

Up: folder, ports, spool, own instrumentation, HTTP, store, feeder, retention. Down: the same, backwards. Requests are
taken, and pages answered, while the store is still being opened: what arrives waits in the spool.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from prometheus_client import REGISTRY

import spanwise
from spanwise.command import fail
from spanwise.settings import Settings
from spanwise_collector import metrics
from spanwise_collector.api import UNTRACED, Services, access
from spanwise_collector.app import create_app
from spanwise_collector.feeder import Feeder, most_batch_bytes
from spanwise_collector.folder import DataFolder, FolderError
from spanwise_collector.front import Front
from spanwise_collector.health import Health
from spanwise_collector.http import Guard, PortInUseError, Server, Tokens, bind, is_loopback
from spanwise_collector.intake import (
    OTHER_SIGNALS_PATHS,
    TRACES_PATH,
    GrpcPortError,
    InFlight,
    Intake,
    OtherSignals,
    OtlpGrpc,
    OtlpHttp,
    RateLimit,
    Receiver,
    SpanRules,
    zipkin,
)
from spanwise_collector.keeping import Keeping
from spanwise_collector.priority import give_way
from spanwise_collector.process import replace_process
from spanwise_collector.query import AttributeCatalog, Catalog, Measures, Minutes, Patterns, TraceReader, TraceSearch
from spanwise_collector.registry import Registration, Registry, SamplingPolicies, SamplingPolicyError, Snapshots
from spanwise_collector.span_metrics import SpanMetrics
from spanwise_collector.spool import Spool
from spanwise_collector.store import ClientPool, Linker, NewerSchemaError, Retention, Store, StoreError
from spanwise_collector.tls import tls_from
from spanwise_collector.traceql import TraceQL

log = logging.getLogger("spanwise_collector")

SERVICE = "spanwise-collector"
# Stopping takes at most five seconds in all; what is not stored by then is in the spool.
_STOP_HTTP_S = 1.5
_STOP_GRPC_S = 0.5
_STOP_INSTRUMENTATION_S = 0.5
_STOP_FEEDER_S = 1.0
_STOP_BACKGROUND_S = 0.2
_STOP_AT_LAST_S = 4.5
_REOPEN_S = 2.0
# A collector whose engine dies each time does not start again and again without a rest.
_START_AGAIN_AFTER_S = 5.0
# A step of starting or stopping that takes so long is told without asking.
_SLOW_STEP_S = 0.5
_OPEN_FILES = 65_536
# A wait without limit may sleep through a signal that comes just before it begins, or to a thread of the engine.
_LOOK_S = 0.5


def run(settings: Settings) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit code. Raises CommandError when it cannot start."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    stopping = threading.Event()
    working_directory = Path.cwd()  # the engine changes it

    def stop(number: int, frame: FrameType | None) -> None:
        if stopping.is_set():
            os._exit(130)  # asked twice
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _allow_open_files()
    collector = Collector(settings)
    try:
        collector.start(stopping)
    except BaseException:
        collector.stop()
        raise
    while not stopping.wait(_LOOK_S):
        if collector.must_start_again():
            collector.start_again(stopping, working_directory)
    threading.Thread(target=_stop_at_last, name="stop-at-last", daemon=True).start()
    if not collector.stop():
        # A thread inside the engine would crash the process as it ends; what it was doing is done again.
        os._exit(0)
    return 0


def _allow_open_files() -> None:
    """Connections and the engine's parts need more files than the 1,024 that many systems begin with."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _stop_at_last() -> NoReturn:
    time.sleep(_STOP_AT_LAST_S)
    log.warning("a part did not stop in time; what was acknowledged is in the spool or in the store")
    os._exit(0)


class Collector:
    """All parts, wired. `start`, then `stop`; what did not start is not stopped."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._began = time.perf_counter()
        self._read_tokens, self._write_tokens = _tokens(settings)
        self._folder = DataFolder(Path(settings["SPANWISE_COLLECTOR_DATA"]))
        self._stops: list[tuple[str, Any]] = []
        self._background: dict[str, Any] = {}
        self._store_is_busy: Callable[[], bool] = lambda: False

    def start(self, stopping: threading.Event) -> None:
        """Up to the point where everything answers. Raises CommandError."""
        try:
            with self._step("data folder"):
                self._folder.open()
                self._stops.append(("data folder", self._folder.close))
            with self._step("certificates"):
                self._tls = tls_from(self._settings)
            with self._step("ports"):
                main_port, otlp_port = self._bind()
            with self._step("spool"):
                self._open_spool()
            with self._step("parts"):
                self._make_parts()
            with self._step("own instrumentation"):
                self._instrument()
            with self._step("HTTP"):
                self._start_http(main_port, otlp_port)
            with self._step("store"), ThreadPoolExecutor(1, "store-open", give_way) as opening:
                # The engine's own threads are children of the one that opens it, and give way like it.
                opening.submit(self._open_store, stopping).result()
        except (FolderError, PortInUseError, StoreError, NewerSchemaError, SamplingPolicyError) as error:
            fail(str(error))
        except OSError as error:
            fail(f"the data folder {self._folder.path} cannot be used: {error.strerror}: choose another with --data")
        if stopping.is_set():
            return
        self._feeder.start()
        self._linker.start()
        self._span_metrics.start()
        self._retention.start()
        log.info(
            "ready in %.2f s: %s (pages and API), %s/v1/traces (OTLP/HTTP), %s (OTLP/gRPC), %s (admin)",
            time.perf_counter() - self._began,
            self._url,
            self._otlp_url,
            self._grpc_address,
            self._instrumentation.admin_url,
        )

    def stop(self) -> bool:
        """Backwards, within five seconds; whether nothing is still under way in the store."""
        began = time.perf_counter()
        for part in self._background.values():
            part.stop(0.0)  # asked now, they have ended when it is their turn
        for name, stop in reversed(self._stops):
            try:
                with self._step(f"stopping {name}"):
                    stop()
            except Exception:
                log.exception("%s did not stop cleanly", name)
        log.info("stopped in %.2f s", time.perf_counter() - began)
        return not self._store_is_busy()

    def must_start_again(self) -> bool:
        """Whether the engine is dead, and another one would find its folder."""
        age_s = time.perf_counter() - self._began
        return self._store.dead and age_s >= _START_AGAIN_AFTER_S and self._store.is_writable()

    def start_again(self, stopping: threading.Event, working_directory: Path) -> NoReturn:
        """In this process, on the same ports; what was acknowledged and is not stored yet is in the spool."""
        log.error("the store's engine has died and answers nothing any more: the collector starts again")
        ports = {
            "--port": self._url,
            "--otlp-port": self._otlp_url,
            "--grpc-port": self._grpc_address,
            "--admin-port": self._instrumentation.admin_url,
        }
        flags = [f"{flag}={address.rpartition(':')[2]}" for flag, address in ports.items() if address is not None]

        def replace() -> NoReturn:
            if stopping.is_set():
                os._exit(0)
            replace_process(working_directory, flags)

        at_last = threading.Timer(_STOP_AT_LAST_S, replace)
        at_last.daemon = True
        at_last.start()
        self.stop()
        replace()

    def _close_store(self) -> None:
        if self._store_is_busy():
            log.warning("the store is still at work; what it was doing is done again at the next start")
        else:
            self._store.close()

    def _bind(self) -> tuple[Any, Any]:
        settings = self._settings
        host = settings["SPANWISE_COLLECTOR_HOST"]
        main_port = bind(host, settings["SPANWISE_COLLECTOR_PORT"], "--port")
        self._stops.append(("main port", main_port.close))
        otlp_port = bind(host, settings["SPANWISE_COLLECTOR_OTLP_PORT"], "--otlp-port")
        self._stops.append(("OTLP port", otlp_port.close))
        shown = f"[{host.strip('[]')}]" if ":" in host else host
        scheme = "http" if self._tls is None else "https"
        self._url = f"{scheme}://{shown}:{main_port.getsockname()[1]}"
        self._otlp_url = f"{scheme}://{shown}:{otlp_port.getsockname()[1]}"
        # gRPC binds for itself, and finds a free port itself; this says who has the one that is taken.
        bind(host, settings["SPANWISE_COLLECTOR_GRPC_PORT"], "--grpc-port").close()
        self._grpc_address = f"{shown}:{settings['SPANWISE_COLLECTOR_GRPC_PORT']}"
        return main_port, otlp_port

    def _open_spool(self) -> None:
        self._spool = Spool(self._folder.path / "spool", self._settings["SPANWISE_COLLECTOR_SPOOL_MAX"])
        self._spool.open()
        self._stops.append(("spool", self._spool.close))
        metrics.SPOOL_BYTES.set_function(lambda: self._spool.state().disk_bytes)
        metrics.SPOOL_WAITING_BYTES.set_function(lambda: self._spool.state().waiting_bytes)
        metrics.SPOOL_OLDEST_AGE.set_function(lambda: self._spool.state().oldest_age_s)

    def _make_parts(self) -> None:
        """Everything that only holds references to the others."""
        settings = self._settings
        max_age_s = settings["SPANWISE_COLLECTOR_RETENTION"]
        self._store = Store(
            settings["SPANWISE_COLLECTOR_STORE"], self._folder.path, settings["SPANWISE_COLLECTOR_MEMORY"]
        )
        self._feeder = Feeder(
            self._spool,
            self._store,
            settings["SPANWISE_COLLECTOR_BATCH_INTERVAL"],
            most_batch_bytes(settings, self._store),
        )
        self._linker = Linker(self._store, self._feeder.inserts)
        self._retention = Retention(self._store, max_age_s, settings["SPANWISE_COLLECTOR_RETENTION_SIZE"])
        self._pool = ClientPool(
            self._store,
            settings["SPANWISE_COLLECTOR_MAX_QUERIES"],
            settings["SPANWISE_COLLECTOR_QUERY_TIMEOUT"],
            settings["SPANWISE_COLLECTOR_MAX_ROWS"],
        )
        self._span_metrics = SpanMetrics(self._pool, settings["SPANWISE_COLLECTOR_SPAN_METRICS_MAX"])
        REGISTRY.register(self._span_metrics)
        policies = settings["SPANWISE_COLLECTOR_SAMPLING_FILE"]
        self._registry = Registry(self._folder.path / "instances.json")
        self._registry.load()
        self._stops.append(("registry", self._registry.save))
        self._background = {
            "metrics of spans": self._span_metrics,
            "retention": self._retention,
            "edges": self._linker,
        }
        self._store_is_busy = lambda: any(part.is_alive() for part in (self._feeder, *self._background.values()))
        snapshots = Snapshots(self._folder.path / "snapshots")
        snapshots.load()
        self._stops += [
            ("store", self._close_store),
            ("queries", self._pool.close),
            *((name, partial(part.stop, _STOP_BACKGROUND_S)) for name, part in self._background.items()),
            ("feeder", lambda: self._feeder.stop(_STOP_FEEDER_S)),
        ]
        metrics.INSTANCES.set_function(lambda: len(self._registry.alive()))
        self._intake = Intake(self._spool, SpanRules(max_age_s))
        self._app = create_app(
            Services(
                catalog=Catalog(self._pool),
                search=TraceSearch(self._pool, max_age_s),
                traces=TraceReader(self._pool),
                traceql=TraceQL(
                    self._pool,
                    TraceSearch(self._pool, max_age_s),
                    settings["SPANWISE_COLLECTOR_QUERY_TIMEOUT"],
                    settings["SPANWISE_COLLECTOR_MAX_SERIES"],
                ),
                minutes=Minutes(self._pool),
                measures=Measures(self._pool),
                patterns=Patterns(self._pool),
                attributes=AttributeCatalog(self._pool),
                keeping=Keeping(self._store, self._spool, settings["SPANWISE_COLLECTOR_MAX_PINNED"]),
                registry=self._registry,
                snapshots=snapshots,
                sampling=SamplingPolicies(
                    Path(policies).expanduser() if policies else None,
                    settings["SPANWISE_COLLECTOR_SAMPLING_RATE"],
                    self._folder.path / "sampling.json",
                ),
                health=Health(self._store, self._feeder),
            )
        )

    def _instrument(self) -> None:
        """The collector is a service like any other, but its spans go to its spool and its entry to its registry."""
        os.environ.pop("SPANWISE_COLLECTOR_URL", None)
        self._instrumentation = spanwise.instrument(
            self._app,
            service=SERVICE,
            version=spanwise.__version__,
            admin_host=self._settings["SPANWISE_COLLECTOR_HOST"],
            admin_port=self._settings["SPANWISE_COLLECTOR_ADMIN_PORT"],
            untraced=UNTRACED,
            export=lambda request: void(self._intake.accept(request, "own")),
        )
        self._stops.append(("own instrumentation", lambda: self._instrumentation.shutdown(_STOP_INSTRUMENTATION_S)))
        admin_url = self._instrumentation.admin_url
        if admin_url is not None:
            identity = self._instrumentation.identity
            own = Registration(dict(identity.attributes), f"{admin_url.partition('//')[2]}/metrics", admin_url)
            self._registry.hold(identity.instance_id, own)

    def _start_http(self, main_port: Any, otlp_port: Any) -> None:
        settings = self._settings
        max_body = settings["SPANWISE_COLLECTOR_MAX_BODY"]
        in_flight = InFlight(settings["SPANWISE_COLLECTOR_MAX_IN_FLIGHT"])
        rate_limit = RateLimit(settings["SPANWISE_COLLECTOR_MAX_RATE"], by_token=bool(self._write_tokens))
        receiver = Receiver(self._intake, in_flight, rate_limit, max_body)
        otlp: dict[str, Any] = {TRACES_PATH: OtlpHttp(receiver)}
        otlp |= dict.fromkeys(OTHER_SIGNALS_PATHS, OtherSignals(receiver))
        posts = dict.fromkeys((zipkin.V1_PATH, zipkin.V2_PATH), zipkin.Zipkin(receiver))
        front = Front(otlp, posts, self._app, otlp_port=otlp_port.getsockname()[1], pages_url=self._url)
        guard = Guard(
            front,
            access,
            settings["SPANWISE_COLLECTOR_HOST"],
            settings["SPANWISE_COLLECTOR_ALLOWED_HOSTS"] or (),
            self._read_tokens,
            self._write_tokens,
        )
        server = Server(
            guard,
            (main_port, otlp_port),
            threads=settings["SPANWISE_COLLECTOR_THREADS"],
            max_body_bytes=max_body,
            max_connections=settings["SPANWISE_COLLECTOR_MAX_CONNECTIONS"],
            idle_timeout_s=settings["SPANWISE_COLLECTOR_IDLE_TIMEOUT"],
            request_timeout_s=settings["SPANWISE_COLLECTOR_REQUEST_TIMEOUT"],
            tls=self._tls.context if self._tls else None,
        )
        server.start()
        self._stops.append(("HTTP", lambda: server.stop(_STOP_HTTP_S)))
        self._start_grpc(in_flight, rate_limit)
        self._folder.say(
            pid=os.getpid(),
            url=self._url,
            otlp_url=self._otlp_url,
            otlp_grpc=self._grpc_address,
            admin_url=self._instrumentation.admin_url,
        )

    def _start_grpc(self, in_flight: InFlight, rate_limit: RateLimit) -> None:
        settings = self._settings
        tokens = self._write_tokens
        server = OtlpGrpc(
            self._intake,
            in_flight,
            rate_limit,
            lambda token: not tokens or tokens.accepts(token),
            address=self._grpc_address,
            threads=settings["SPANWISE_COLLECTOR_THREADS"],
            max_body_bytes=settings["SPANWISE_COLLECTOR_MAX_BODY"],
            idle_timeout_s=settings["SPANWISE_COLLECTOR_IDLE_TIMEOUT"],
            max_connections=settings["SPANWISE_COLLECTOR_MAX_CONNECTIONS"],
            handshake_timeout_s=settings["SPANWISE_COLLECTOR_REQUEST_TIMEOUT"],
            credentials=self._tls.grpc_credentials() if self._tls else None,
        )
        try:
            server.start()
        except GrpcPortError as error:
            fail(f"OTLP/gRPC cannot listen on {self._grpc_address}: {error}: choose another port with --grpc-port")
        host = self._grpc_address.rpartition(":")[0]
        self._grpc_address = f"{'https://' if self._tls else ''}{host}:{server.port}"
        self._stops.append(("OTLP/gRPC", lambda: server.stop(_STOP_GRPC_S)))

    def _open_store(self, stopping: threading.Event) -> None:
        """Opens the store; a server that is away is tried again until it answers, while the spool takes what comes."""
        while not stopping.is_set():
            try:
                self._store.open()
            except (NewerSchemaError, StoreError):
                raise
            except Exception as error:
                if self._store.embedded:
                    fail(f"the store in {self._folder.path} cannot be opened: {' '.join(str(error).split())[:300]}")
                log.warning("the store does not answer, and is tried again: %s", self._store.why_not_open)
                stopping.wait(_REOPEN_S)
            else:
                return

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        took_s = time.perf_counter() - began
        log.log(logging.INFO if took_s >= _SLOW_STEP_S else logging.DEBUG, "%s in %.0f ms", name, took_s * 1000)


def void(_: object) -> None:
    """What an exporter's function returns."""


def _tokens(settings: Settings) -> tuple[Tokens, Tokens]:
    """Those for reading and writing. Raises CommandError when they cannot be read, or when the address needs them."""
    try:
        read, write = (
            Tokens(
                settings[f"SPANWISE_COLLECTOR_{kind}_TOKEN"],
                Path(path).expanduser() if (path := settings[f"SPANWISE_COLLECTOR_{kind}_TOKEN_FILE"]) else None,
            )
            for kind in ("READ", "WRITE")
        )
    except OSError as error:
        fail(f"the token file {error.filename} cannot be read: {error.strerror}")
    except ValueError as error:
        fail(str(error))
    host = settings["SPANWISE_COLLECTOR_HOST"]
    if not is_loopback(host) and not (read and write) and not settings["SPANWISE_COLLECTOR_NO_AUTH"]:
        fail(
            f"on {host} others can reach it, so it needs tokens for reading and writing"
            " (SPANWISE_COLLECTOR_READ_TOKEN, SPANWISE_COLLECTOR_WRITE_TOKEN or their ..._FILE), or --no-auth"
        )
    return read, write
