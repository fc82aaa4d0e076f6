from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanwise.workers.channel import Answered, Asked, ChannelError, answer, ask, ask_all, listen, receive


@contextmanager
def _sibling(path: Path, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    """One that answers every connection in turn with `serve`."""
    listener = listen(path)
    listener.settimeout(0.05)
    stopping = threading.Event()

    def run() -> None:
        while not stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                continue
            with connection:
                serve(connection)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stopping.set()
    thread.join()
    listener.close()


def _echo(connection: socket.socket) -> None:
    asked = receive(connection)
    body = repr((asked.method, asked.path, dict(asked.query), dict(asked.headers), asked.trusted_by)).encode()
    answer(connection, Answered(418, (("X-A", "ä"),), "text/plain", body + asked.body))


def test_a_request_arrives_as_it_was_sent_and_so_does_the_answer(runtime: Path) -> None:
    asked = Asked("POST", "/admin/x", {"q": ["1", "ü"]}, {"host": "localhost"}, b"\x00body" * 100_000, "token")
    with _sibling(runtime / "1.sock", _echo):
        answered = ask(runtime / "1.sock", asked, 5.0)
    assert (answered.status, answered.headers, answered.content_type) == (418, (("X-A", "ä"),), "text/plain")
    said = repr(("POST", "/admin/x", {"q": ["1", "ü"]}, {"host": "localhost"}, "token")).encode()
    assert answered.body == said + b"\x00body" * 100_000


def test_all_are_asked_and_the_silent_cost_a_bounded_time(runtime: Path) -> None:
    paths = [runtime / f"{number}.sock" for number in range(1, 6)]
    silent = listen(paths[3])  # accepts by its backlog, and never answers
    with (
        _sibling(paths[0], _echo),
        _sibling(paths[1], _echo),
        _sibling(paths[2], lambda c: c.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello")),
    ):
        began = time.monotonic()
        answers = ask_all(paths, Asked("GET", "snapshot"), 0.5)
        took = time.monotonic() - began
    silent.close()
    assert set(answers) == set(paths[:2])
    assert 0.4 < took < 2.0


def test_no_time_is_waited_for_those_that_have_answered(runtime: Path) -> None:
    with _sibling(runtime / "1.sock", _echo):
        began = time.monotonic()
        assert ask_all([runtime / "1.sock"], Asked("GET", "x"), 30.0)
        assert time.monotonic() - began < 10.0


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"SPW1",
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("!4sII", b"SPW1", 2**31, 0),
        struct.pack("!4sII", b"SPW1", 2, 0) + b"[]",
        struct.pack("!4sII", b"SPW1", 2, 0) + b"{}",
        struct.pack("!4sII", b"SPW1", 2, 9) + b"{}cut",
        struct.pack("!4sII", b"SPW2", 2, 0) + b"{}",
    ],
    ids=["nothing", "cut", "http", "huge", "no object", "no head", "cut body", "version"],
)
def test_what_is_no_message_is_refused_on_both_sides(runtime: Path, sent: bytes) -> None:
    def send(connection: socket.socket) -> None:
        connection.sendall(sent)

    with _sibling(runtime / "1.sock", send), pytest.raises(ChannelError):
        ask(runtime / "1.sock", Asked("GET", "x"), 1.0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(ChannelError):
            receive(ours)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.binary(max_size=60))
def test_garbage_is_refused(sent: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"SPW1" + sent)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(ChannelError):
            receive(ours)


def test_nobody_there_is_an_error_and_a_long_path_too(runtime: Path) -> None:
    with pytest.raises(ChannelError):
        ask(runtime / "1.sock", Asked("GET", "x"), 1.0)
    with pytest.raises(ChannelError):
        listen(runtime / ("x" * 120))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused(runtime: Path) -> None:
    listener = listen(runtime / "1.sock")
    runtime.chmod(0o755)
    (runtime / "1.sock").chmod(0o777)
    pid = os.fork()
    if pid == 0:
        os.setuid(65534)
        try:
            ask(runtime / "1.sock", Asked("GET", "x"), 1.0)
        except ChannelError as error:
            os._exit(0 if "another user" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    listener.setblocking(True)
    connection, _ = listener.accept()
    with connection, listener, pytest.raises(ChannelError):
        receive(connection)
