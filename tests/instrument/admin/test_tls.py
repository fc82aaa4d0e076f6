from __future__ import annotations

import http.client
import shutil
import socket
import ssl

import pytest

from spanwise.admin.tls import tls_files
from spanwise.settings import SettingError
from tests.certificates import make_certificate
from tests.instrument.admin.conftest import settings_with


@pytest.fixture
def admin(make_admin, certificate):
    return make_admin(tls_cert_file=certificate[0], tls_key_file=certificate[1], token="s3cret")


@pytest.fixture
def connection(admin, certificate):
    context = ssl.create_default_context(cafile=certificate[0])
    connection = http.client.HTTPSConnection("127.0.0.1", admin.server.port, timeout=10, context=context)
    yield connection
    connection.close()


def ask(connection, path, method="GET", body=None, headers=None):
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def test_the_pages_come_over_tls(admin, connection):
    assert admin.server.url == f"https://127.0.0.1:{admin.server.port}"
    assert ask(connection, "/admin/ping")[2] == b"pong"
    assert ask(connection, "/admin/ping")[2] == b"pong"  # the same connection, again
    assert len(ask(connection, "/admin/static/tokens.css")[2]) > 1000


def test_a_body_larger_than_a_tls_record_arrives(admin, connection):
    admin.add("/echo", lambda request: str(len(request.body)), **_mutating())
    assert ask(connection, "/echo", "POST", b"x" * 300_000)[2] == b"300000"


def test_the_cookie_is_for_tls_alone(connection):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, headers, _ = ask(connection, "/admin/login", "POST", b"token=s3cret", form)
    assert status == 303
    assert headers["Set-Cookie"].endswith("; Secure")


def test_who_speaks_plainly_or_nothing_holds_up_nobody(admin, connection):
    with admin.connect() as silent, admin.connect() as plain:
        plain.sendall(b"GET /admin/ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert ask(connection, "/admin/ping")[2] == b"pong"
        plain.settimeout(5)
        assert b"pong" not in _read(plain)
        assert silent.fileno() >= 0


def _read(sock: socket.socket) -> bytes:
    try:
        return sock.recv(1000)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("given", [{"tls_cert_file": "/nowhere"}, {"tls_key_file": "/nowhere"}])
def test_half_a_certificate_is_an_error(given):
    with pytest.raises(SettingError, match="needs both the certificate and its key"):
        tls_files(settings_with(**given))


def test_a_file_that_cannot_be_used_is_named(tmp_path):
    file = tmp_path / "cert.pem"
    settings = settings_with(tls_cert_file=str(file), tls_key_file=str(file))
    with pytest.raises(SettingError, match=r"cert\.pem .*No such file"):
        tls_files(settings)
    file.write_text("not a certificate")
    with pytest.raises(SettingError, match="cannot be used"):
        tls_files(settings)


def test_without_files_there_is_no_tls():
    assert tls_files(settings_with()) is None


def _mutating():
    from spanwise.admin.messages import Tier

    return {"tier": Tier.MUTATING, "methods": ("POST",)}


def test_a_renewed_certificate_is_shown_to_the_next_connection(make_admin, certificate, tmp_path):
    files = [str(shutil.copy(source, tmp_path)) for source in certificate]
    admin = make_admin(tls_cert_file=files[0], tls_key_file=files[1])
    renewed = make_certificate(tmp_path, "renewed")
    for path, source in zip(files, renewed, strict=True):
        shutil.copy(source, path)
    context = ssl.create_default_context(cafile=renewed[0])
    connection = http.client.HTTPSConnection("127.0.0.1", admin.server.port, timeout=10, context=context)
    assert ask(connection, "/admin/ping")[2] == b"pong"
    connection.close()
