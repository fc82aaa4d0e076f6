from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from spanwise.admin.guard import Guard
from spanwise.admin.messages import Request, Tier


def request(method: str = "GET", peer: str = "127.0.0.1", own_port: bool = True, **headers: str) -> Request:
    named = {"host": "localhost:9990"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, "/x", {}, {name: value for name, value in named.items() if value}, peer, b"", None, own_port)


def status(guard: Guard, tier: Tier, asked: Request) -> int:
    refusal = guard.refusal(tier, guard.judge(asked))
    return 200 if refusal is None else refusal.status


LOCAL = Guard()
WITH_TOKEN = Guard(tokens=lambda: ("s3cret", "older"))
BEARER = "Bearer s3cret"


@pytest.mark.parametrize("tier", list(Tier))
@pytest.mark.parametrize(
    "asked",
    [
        request(),
        request(host="127.0.0.1:9990"),
        request(host="[::1]:9990", peer="::1"),
        request(peer="::ffff:127.0.0.1"),
        request(host="LOCALHOST"),
    ],
)
def test_this_machine_may_do_everything(tier, asked):
    assert status(LOCAL, tier, asked) == 200


@pytest.mark.parametrize("tier", [Tier.SENSITIVE, Tier.MUTATING])
@pytest.mark.parametrize(
    "asked",
    [
        request(peer="192.0.2.7"),
        request(peer="::ffff:192.0.2.7"),
        request(peer=""),
        request(own_port=False),
        request(host="rebound.example"),
        request(host="localhost.rebound.example"),
        request(host="localhost@rebound.example:9990"),
        request(host=""),
        request(host="[::1"),
        request(forwarded="for=192.0.2.7"),
        request(x_forwarded_for="192.0.2.7"),
        request(x_forwarded_host="a"),
        request(x_real_ip="192.0.2.7"),
        request(via="1.1 proxy"),
    ],
)
def test_whoever_is_not_certainly_here_needs_the_token(tier, asked):
    assert status(LOCAL, Tier.OPEN, asked) == 200
    assert status(LOCAL, tier, asked) == 401
    assert status(WITH_TOKEN, tier, asked) == 401
    token = replace(asked, headers={**asked.headers, "authorization": BEARER})
    assert status(WITH_TOKEN, Tier.SENSITIVE, token) == 200


def test_loopback_may_be_distrusted():
    guard = Guard(trust_loopback=False, tokens=lambda: ("s3cret",))
    assert status(guard, Tier.SENSITIVE, request()) == 401
    assert status(guard, Tier.SENSITIVE, request(authorization=BEARER)) == 200


@pytest.mark.parametrize(
    "given", ["s3cret", "Basic s3cret", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cretx", "Bearer ÿ"]
)
def test_what_is_not_the_token(given):
    assert status(WITH_TOKEN, Tier.SENSITIVE, request(peer="192.0.2.7", authorization=given)) == 401


@pytest.mark.parametrize("given", ["Bearer s3cret", "bearer s3cret", "Bearer  older"])
def test_what_is_a_token(given):
    assert status(WITH_TOKEN, Tier.SENSITIVE, request(peer="192.0.2.7", authorization=given)) == 200


def test_no_token_set_means_none_is_right():
    for given in ("Bearer ", "Bearer None", "Bearer x"):
        assert status(LOCAL, Tier.SENSITIVE, request(peer="192.0.2.7", authorization=given)) == 401


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (request("POST", origin="http://localhost:9990", sec_fetch_site="same-origin"), 200),
        (request("POST", sec_fetch_site="none"), 200),
        (request("POST", origin="http://evil.example"), 403),
        (request("POST", origin="http://localhost:3000"), 403),
        (request("POST", origin="null"), 403),
        (request("POST", origin="http://["), 403),
        (request("POST", sec_fetch_site="cross-site"), 403),
        (request("POST", sec_fetch_site="same-site"), 403),
        (request("DELETE", origin="http://evil.example"), 403),
        (request("POST", authorization=BEARER, host="rebound.example"), 403),
        (request("POST", authorization=BEARER, host="10.1.2.3:9990", peer="192.0.2.7"), 200),
        (request("POST", authorization=BEARER, peer="192.0.2.7", origin="http://evil.example"), 403),
    ],
)
def test_another_site_s_page_changes_nothing(asked, expected):
    assert status(WITH_TOKEN, Tier.MUTATING, asked) == expected


def test_another_site_may_link_to_a_page_and_not_load_it():
    loaded = request(sec_fetch_site="cross-site", sec_fetch_mode="no-cors")
    linked = request(sec_fetch_site="cross-site", sec_fetch_mode="navigate")
    assert status(LOCAL, Tier.SENSITIVE, loaded) == 403
    assert status(LOCAL, Tier.SENSITIVE, linked) == 200


def test_allowed_hosts_are_ours():
    guard = Guard(allowed_hosts=("Admin.Example",))
    assert status(guard, Tier.MUTATING, request("POST", host="admin.example:80")) == 200


@pytest.mark.parametrize(
    ("access", "expected"),
    [("none", (200, 403, 403)), ("read-only", (200, 200, 403)), ("full", (200, 200, 200))],
)
def test_the_ceiling(access, expected):
    guard = Guard(access=access)
    assert tuple(status(guard, tier, request("POST")) for tier in Tier) == expected


def test_a_refusal_says_what_to_do(admin):
    admin.add("/sensitive", lambda _request: "x")
    answer = admin.fetch("/sensitive", x_forwarded_for="192.0.2.7")
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="spanwise admin"'
    assert answer.text.startswith("A proxy has passed this on, so it needs the admin token. Ask from the service's own")
    assert "curl -H 'Authorization: Bearer TOKEN'" in answer.text
    assert admin.fetch("/sensitive", host="rebound.example").status == 401
    assert admin.fetch("/sensitive").text == "x"


def test_the_token_file_is_read_at_each_use(make_admin, tmp_path, caplog):
    file = tmp_path / "token"
    admin = make_admin(token_file=str(file), trust_loopback="false")
    admin.add("/sensitive", lambda _request: "x")
    assert [record.getMessage() for record in caplog.records] == [
        f"admin: SPANWISE_ADMIN_TOKEN_FILE={file} cannot be read: No such file or directory"
    ]
    assert admin.fetch("/sensitive", authorization="Bearer one").status == 401
    file.write_text("one\n")
    assert admin.fetch("/sensitive", authorization="Bearer one").status == 200
    file.write_text("two\n")
    assert admin.fetch("/sensitive", authorization="Bearer one").status == 401
    assert admin.fetch("/sensitive", authorization="Bearer two").status == 200
    file.write_text("")
    assert admin.fetch("/sensitive", authorization="Bearer ").status == 401


def test_from_another_address_of_this_machine(make_admin):
    address = _own_address()
    if address is None:
        pytest.skip("this machine has only loopback addresses")
    admin = make_admin(host=address, token="s3cret")
    admin.add("/sensitive", lambda _request: "x")

    def ask(path: str, *headers: str) -> bytes:
        with socket.create_connection((address, admin.server.port), timeout=5) as sock:
            lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
            sock.sendall("\r\n".join(lines).encode())
            return sock.makefile("rb").read()

    assert ask("/admin/ping").endswith(b"pong")
    assert ask("/sensitive").startswith(b"HTTP/1.1 401 ")
    assert ask("/sensitive", "Authorization: Bearer s3cret").endswith(b"\r\n\r\nx")


def _own_address() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: only the route is looked up
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") or address == "0.0.0.0" else address
