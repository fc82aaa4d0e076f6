"""Who may call: Host, Origin, Sec-Fetch-Site, tokens."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from spanwise_collector.api import access
from spanwise_collector.http import Guard, Tokens, is_loopback

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

NO_TOKENS = Tokens(None, None)


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"ok"]


def status(
    *,
    method: str = "GET",
    path: str = "/",
    bound: str = "127.0.0.1",
    allowed: tuple[str, ...] = (),
    read: Tokens = NO_TOKENS,
    write: Tokens = NO_TOKENS,
    **headers: str,
) -> int:
    guard = Guard(app, access, bound, allowed, read, write)
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": "127.0.0.1:9411"}
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    seen: list[int] = []
    guard(environ, lambda line, *_: seen.append(int(line.split()[0])))  # type: ignore[arg-type, return-value]
    return seen[0]


@pytest.mark.parametrize("host", ["127.0.0.1:9411", "localhost", "LOCALHOST:9411", "[::1]:9411", "127.0.0.1"])
def test_loopback_names_are_let_in(host: str) -> None:
    assert status(host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io:9411",
        "user@localhost",
        "10.0.0.1",
        "[::1",
        "a/b",
    ],
)
def test_other_names_are_not(host: str) -> None:
    assert status(host=host) == 403


def test_a_name_can_be_allowed() -> None:
    assert status(host="traces.example:80", allowed=("traces.example",)) == 200


def test_on_another_address_addresses_are_let_in_and_unknown_names_are_not() -> None:
    assert status(host="10.1.2.3:9411", bound="0.0.0.0") == 200
    assert status(host="rebound.example:9411", bound="0.0.0.0") == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_another_site_may_not_change_anything(method: str) -> None:
    assert status(method=method, path="/api/x") == 200
    assert status(method=method, path="/api/x", origin="http://127.0.0.1:9411") == 200
    assert status(method=method, path="/api/x", sec_fetch_site="same-origin") == 200
    assert status(method=method, path="/api/x", sec_fetch_site="none") == 200
    assert status(method=method, path="/api/x", origin="http://evil.example") == 403
    assert status(method=method, path="/api/x", origin="http://127.0.0.1:8000") == 403
    assert status(method=method, path="/api/x", origin="null") == 403
    assert status(method=method, path="/api/x", sec_fetch_site="cross-site") == 403
    assert status(method=method, path="/api/x", sec_fetch_site="same-site") == 403


def test_reading_from_another_site_is_up_to_the_browser() -> None:
    assert status(origin="http://evil.example", sec_fetch_site="cross-site") == 200


READ, WRITE = Tokens("reader", None), Tokens("writer", None)


@pytest.mark.parametrize(
    ("method", "path", "nobody", "reader", "writer"),
    [
        ("GET", "/", 401, 200, 401),
        ("GET", "/api/spanwise/traces", 401, 200, 401),
        ("GET", "/sd/prometheus", 401, 200, 401),
        ("POST", "/v1/traces", 401, 401, 200),
        ("GET", "/v1/traces", 401, 401, 200),
        ("PUT", "/api/spanwise/instances/x", 401, 401, 200),
        ("DELETE", "/api/spanwise/instances/x", 401, 401, 200),
        ("GET", "/api/spanwise/instances", 401, 200, 401),
        ("GET", "/api/spanwise/sampling", 401, 200, 200),
        ("GET", "/health", 200, 200, 200),
        ("GET", "/livez", 200, 200, 200),
        ("GET", "/readyz", 200, 200, 200),
        ("GET", "/ready", 200, 200, 200),
        ("GET", "/sampling", 401, 200, 200),
    ],
)
def test_tokens(method: str, path: str, nobody: int, reader: int, writer: int) -> None:
    def asked(token: str) -> int:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return status(method=method, path=path, read=READ, write=WRITE, **headers)

    assert (asked(""), asked("reader"), asked("writer"), asked("other")) == (nobody, reader, writer, nobody)


def test_a_browser_gives_the_token_as_a_password() -> None:
    def basic(text: str) -> int:
        return status(read=READ, authorization=f"Basic {base64.b64encode(text.encode()).decode()}")

    assert basic("anyone:reader") == 200
    assert basic("reader:") == 401
    assert status(read=READ, authorization="Basic !!!") == 401


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("example", False),
    ],
)
def test_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
