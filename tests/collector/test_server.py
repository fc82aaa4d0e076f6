"""The HTTP server: several sockets, and an end within a bound."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import pytest

from spanwise_collector.http import Server, bind
from tests.collector.running_collector import fetch, wait_for

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Serve = Callable[..., tuple[Server, list[str]]]


def port_of(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["SERVER_PORT"].encode()]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[Server] = []

    def start(
        app: WSGIApplication = port_of, sockets: int = 1, idle_timeout_s: float = 30, **more: float
    ) -> tuple[Server, list[str]]:
        bound = [bind("127.0.0.1", 0, "--port") for _ in range(sockets)]
        urls = [f"http://127.0.0.1:{sock.getsockname()[1]}" for sock in bound]
        limits = {"max_connections": 50, "request_timeout_s": 30} | more
        server = Server(app, bound, threads=4, max_body_bytes=1000, idle_timeout_s=idle_timeout_s, **limits)  # type: ignore[arg-type]
        server.start()
        servers.append(server)
        return server, urls

    yield start
    for server in servers:
        server.stop(1.0)


def test_each_socket_answers_and_the_application_sees_which(serve: Serve) -> None:
    _, urls = serve(sockets=2)
    assert [fetch(url).body.decode() for url in urls] == [url.rpartition(":")[2] for url in urls]


def test_stopping_lets_a_request_under_way_finish(serve: Serve) -> None:
    under_way, go_on = threading.Event(), threading.Event()

    def slow(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        under_way.set()
        assert go_on.wait(10)
        start_response("200 OK", [])
        return [b"done"]

    server, (url,) = serve(slow)
    answers: list[bytes] = []
    caller = threading.Thread(target=lambda: answers.append(fetch(url).body))
    caller.start()
    assert under_way.wait(5)
    threading.Timer(0.2, go_on.set).start()
    server.stop(5.0)
    caller.join(5)
    assert answers == [b"done"]
    with pytest.raises(OSError, match=r"refused|reset"):
        fetch(url)


def test_stopping_does_not_wait_for_ever(serve: Serve) -> None:
    under_way, go_on = threading.Event(), threading.Event()

    def stuck(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        under_way.set()
        go_on.wait(30)
        return []

    server, (url,) = serve(stuck)
    caller = threading.Thread(target=lambda: _ignore(url))
    caller.start()
    assert under_way.wait(5)
    began = time.monotonic()
    server.stop(0.5)
    assert time.monotonic() - began < 4
    go_on.set()
    caller.join(10)


def _ignore(url: str) -> None:
    try:
        fetch(url)
    except OSError:
        return


def test_an_idle_connection_is_closed(serve: Serve) -> None:
    _, (url,) = serve(idle_timeout_s=1)
    port = int(url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\n")  # and no more
        assert wait_for(lambda: idle.recv(1) == b"", 20, "the end of the connection")
