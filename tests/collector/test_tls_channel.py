"""The HTTP server over TLS: whole bodies, and clients that say nothing, the wrong thing, or leave."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spanwise_collector.http import Server, bind
from spanwise_collector.tls import Tls
from tests.certificates import make_certificate
from tests.collector.running_collector import fetch, wait_for

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MIB = 2**20
Serve = Callable[..., int]


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The body back."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("X-Scheme", environ["wsgi.url_scheme"]), ("Content-Length", str(len(body)))])
    return [body[at : at + 100_000] for at in range(0, len(body), 100_000)]


@pytest.fixture
def trust(certificate: tuple[str, str]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate[0])


@pytest.fixture
def serve(certificate: tuple[str, str]) -> Iterator[Serve]:
    servers: list[Server] = []

    def start(tls: Tls | None = None, **more: float) -> int:
        """Its port."""
        bound = bind("127.0.0.1", 0, "--port")
        files = tls or Tls(*certificate)
        limits = {"max_connections": 400, "request_timeout_s": 30, "idle_timeout_s": 30} | more
        server = Server(echo, [bound], threads=4, max_body_bytes=8 * MIB, tls=files.context, **limits)  # type: ignore[arg-type]
        server.start()
        servers.append(server)
        return int(bound.getsockname()[1])

    yield start
    for server in servers:
        server.stop(1.0)


def test_bodies_of_every_size_come_whole_on_one_connection(serve: Serve, trust: ssl.SSLContext) -> None:
    connection = http.client.HTTPSConnection("127.0.0.1", serve(), timeout=30, context=trust)
    for size in (0, 1, 8191, 8192, 16_384, 16_385, 300_000, 6 * MIB):
        body = bytes(range(256)) * (size // 256 + 1)
        connection.request("POST", "/", body[:size])
        answer = connection.getresponse()
        assert answer.getheader("X-Scheme") == "https"
        assert answer.read() == body[:size]
    connection.close()


def test_what_reads_slowly_gets_all(serve: Serve, trust: ssl.SSLContext) -> None:
    port = serve()
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(30)
    sock.connect(("127.0.0.1", port))
    body = b"0123456789abcdef" * (4 * MIB // 16)
    with trust.wrap_socket(sock, server_hostname="localhost") as slow:
        head = f"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        slow.sendall(head.encode() + body)
        received = b"".join(iter(lambda: slow.recv(1000), b""))
    assert received.partition(b"\r\n\r\n")[2].count(b"0123456789abcdef") > len(body) // 16 - 10


def test_many_at_once(serve: Serve, trust: ssl.SSLContext) -> None:
    port, answers = serve(), []

    def ask(number: int) -> None:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=trust)
        for turn in range(10):
            body = f"{number} {turn} ".encode() * 20_000
            connection.request("POST", "/", body)
            answers.append(connection.getresponse().read() == body)
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert answers == [True] * 80


def test_plain_http_is_told_what_the_port_speaks(serve: Serve) -> None:
    answer = fetch(f"http://127.0.0.1:{serve()}/")
    assert (answer.status, answer.body) == (400, b"this port speaks TLS: use https://\n")


@pytest.mark.parametrize("said", [b"\0" * 100, b"DELETE / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 300])
def test_what_is_no_handshake_ends(serve: Serve, trust: ssl.SSLContext, said: bytes) -> None:
    port = serve()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as odd:
        odd.sendall(said)
        with contextlib.suppress(OSError):  # its end may have come already
            odd.shutdown(socket.SHUT_WR)
        wait_for(lambda: _has_ended(odd), 20, "the end of the connection")
    assert fetch(f"https://127.0.0.1:{port}/", tls=trust).status == 200


def test_clients_that_say_nothing_harm_nobody_and_their_time_ends(serve: Serve, trust: ssl.SSLContext) -> None:
    port = serve(request_timeout_s=6)
    silent = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(200)]
    try:
        half = silent[0]
        half.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a handshake, and no more
        assert fetch(f"https://127.0.0.1:{port}/", tls=trust).status == 200
        wait_for(lambda: all(_has_ended(each) for each in silent), 60, "the end of the silent ones")
    finally:
        for each in silent:
            each.close()


def test_they_count_against_the_limit_and_make_room(serve: Serve, trust: ssl.SSLContext) -> None:
    port = serve(max_connections=50)
    silent = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(100)]
    try:
        assert fetch(f"https://127.0.0.1:{port}/", tls=trust).status == 200
    finally:
        for each in silent:
            each.close()


def test_an_older_protocol_is_refused(serve: Serve, certificate: tuple[str, str]) -> None:
    old = ssl.create_default_context(cafile=certificate[0])
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    port = serve()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock, pytest.raises(ssl.SSLError):
        old.wrap_socket(sock, server_hostname="localhost")


def test_a_renewed_certificate_is_shown_to_the_next_connection(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = make_certificate(tmp_path, "before")
    files = tmp_path / "live.pem", tmp_path / "live.key"
    for path, source in zip(files, before, strict=True):
        path.write_bytes(Path(source).read_bytes())
    port = serve(Tls(str(files[0]), str(files[1])))
    old, new = ssl.create_default_context(cafile=before[0]), None
    kept = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=old)
    kept.request("GET", "/")
    kept.getresponse().read()

    after = make_certificate(tmp_path, "after")
    new = ssl.create_default_context(cafile=after[0])
    files[0].write_bytes(Path(after[0]).read_bytes())
    assert fetch(f"https://127.0.0.1:{port}/", tls=old).status == 200, "half of the change is not in force"
    assert "live.key does not belong to the certificate" in caplog.text
    files[1].write_bytes(Path(after[1]).read_bytes())
    assert fetch(f"https://127.0.0.1:{port}/", tls=new).status == 200
    kept.request("GET", "/")
    assert kept.getresponse().status == 200, "what is open stays"
    kept.close()


def test_mutual_tls(serve: Serve, certificate: tuple[str, str], tmp_path: Path) -> None:
    own = make_certificate(tmp_path, "client")
    port = serve(Tls(*certificate, own[0]))
    trust = ssl.create_default_context(cafile=certificate[0])
    with pytest.raises(OSError, match=r"(?i)certificate required|reset|EOF|closed|broken"):
        fetch(f"https://127.0.0.1:{port}/", tls=trust)
    trust.load_cert_chain(*own)
    assert fetch(f"https://127.0.0.1:{port}/", tls=trust).status == 200


def _has_ended(sock: socket.socket) -> bool:
    sock.settimeout(0.01)
    try:
        while sock.recv(1000):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True
