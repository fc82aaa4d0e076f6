"""Connections that take up room and give nothing are ended, and nobody else notices."""

from __future__ import annotations

import socket
import time

from tests.collector.conftest import CollectorFactory
from tests.collector.otlp_requests import payload, span
from tests.collector.running_collector import RunningCollector, wait_for


def connect(running: RunningCollector) -> socket.socket:
    port = int(running.otlp_url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def test_a_request_that_dribbles_in_is_answered_408(new_collector: CollectorFactory) -> None:
    running = new_collector("--request-timeout", "1s").start()
    with connect(running) as slow:
        slow.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        slow.settimeout(0.1)
        answer = b""
        until = time.monotonic() + 10
        while not answer and time.monotonic() < until:
            slow.sendall(b"x")
            try:
                answer = slow.recv(100)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")
    assert running.send(payload(span())).status == 200


def test_twice_as_many_idle_connections_as_there_may_be_harm_nobody(new_collector: CollectorFactory) -> None:
    running = new_collector("--max-connections", "100").start()
    idle = [connect(running) for _ in range(200)]
    try:
        began = time.monotonic()
        for _ in range(5):
            assert running.send(payload(span())).status == 200
        assert time.monotonic() - began < 15

        def closed() -> int:
            return sum(_is_closed(connection) for connection in idle)

        assert wait_for(lambda: closed() >= 100, 10, "the closing of the longest idle")
    finally:
        for connection in idle:
            connection.close()


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
