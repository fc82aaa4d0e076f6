"""A real admin server on a free port, and a client that shows what was on the wire."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from spanwise import standard
from spanwise.admin import builtin
from spanwise.admin.limits import Limits
from spanwise.admin.process import Process
from spanwise.admin.routes import ROUTES, Route, Routes
from spanwise.admin.server import AdminServer, start_admin
from spanwise.admin.settings import ADMIN_SETTINGS
from spanwise.health import Health
from spanwise.settings import Settings, resolve

IDENTITY = {
    "service.name": "checkout",
    "service.version": "1.4.2",
    "deployment.environment.name": "production",
    "vcs.ref.head.revision": "694299d6",
    "service.instance.id": "instance-1",
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]  # lower-case names
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Admin:
    server: AdminServer
    process: Process
    routes: Routes

    def add(self, path: str, handler: Callable[..., Any], **more: Any) -> None:
        self.routes.add(Route(path, handler, more.pop("title", "Title"), more.pop("group", "Misc"), **more))

    def connect(self, timeout_s: float = 5.0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=timeout_s)

    def fetch(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """One request; keyword `accept_encoding` becomes the header accept-encoding."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.request(method, path, body, named)
            response = connection.getresponse()
            answer_headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, answer_headers, response.read())
        finally:
            connection.close()

    def raw(self, data: bytes) -> bytes:
        """Everything the server says to these bytes until it closes or says nothing for a while."""
        with self.connect() as sock:
            sock.sendall(data)
            return read_all(sock)


def read_all(sock: socket.socket) -> bytes:
    received = bytearray()
    while True:
        try:
            data = sock.recv(65536)
        except ConnectionResetError:
            return bytes(received)
        if not data:
            return bytes(received)
        received += data


def until(condition: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    """The condition's first true value; fails when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {timeout_s} s: {condition}")


def settings_with(**given: Any) -> Settings:
    """Admin settings by the end of their name: `settings_with(token="secret")`."""
    arguments = {f"SPANWISE_ADMIN_{name.upper()}": value for name, value in given.items()}
    return resolve(ADMIN_SETTINGS, arguments, environ={})


@pytest.fixture
def registry() -> CollectorRegistry:
    """Ten requests of a checkout service, one of them failed."""
    registry = CollectorRegistry()
    row = standard.HTTP_SERVER_REQUEST_DURATION
    durations = Histogram(row.name, row.description, row.labels, buckets=row.buckets, registry=registry)
    for _ in range(9):
        durations.labels("GET", "/orders/{id}", "200").observe(0.02, {"trace_id": "0af7651916cd43dd8448eb211c80319c"})
    durations.labels("POST", "/orders", "500").observe(0.3)
    active = standard.HTTP_SERVER_ACTIVE_REQUESTS
    Gauge(active.name, active.description, active.labels, registry=registry).labels("GET").set(2)
    Counter("orders_placed", "Orders accepted.", registry=registry).inc(7)
    return registry


@pytest.fixture
def routes() -> Routes:
    """The built-in routes, to which a test may add without changing those of the process."""
    builtin.register()
    copy = Routes()
    for route in ROUTES.all():
        copy.add(route)
    return copy


@pytest.fixture
def health() -> Iterator[Health]:
    health = Health()
    yield health
    health.stop()


@pytest.fixture
def make_admin(registry: CollectorRegistry, routes: Routes, health: Health) -> Iterator[Callable[..., Admin]]:
    servers: list[AdminServer] = []

    def make(*, host: str = "127.0.0.1", port: int = 0, limits: Limits | None = None, **given: Any) -> Admin:
        identity = given.pop("identity", IDENTITY)
        sampling = given.pop("sampling", None)
        settings = settings_with(**given)
        process = Process(
            identity, registry, settings, time.time() - 100, health=health, routes=routes, sampling=sampling
        )
        server = start_admin(process, host=host, port=port, settings=settings, limits=limits)
        servers.append(server)
        return Admin(server, process, routes)

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def admin(make_admin: Callable[..., Admin]) -> Admin:
    return make_admin()
