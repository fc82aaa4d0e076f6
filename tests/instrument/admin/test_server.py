from __future__ import annotations

import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from spanwise.admin.limits import Limits
from spanwise.admin.messages import Request, Response, Tier

STANDARD = {
    "content-language": "en",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}


def admin_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("spanwise-admin")]


def wait_for(condition, timeout_s=5.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)


def test_ping_to_the_byte(admin):
    answer = admin.raw(b"GET /admin/ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert body == b"pong"
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    assert re.fullmatch(r"Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", lines[1])
    assert lines[2:] == [
        "Content-Type: text/plain;charset=UTF-8",
        "Content-Language: en",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Content-Security-Policy: default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        "Content-Length: 4",
        "Connection: close",
    ]


@pytest.mark.parametrize("path", ["/admin", "/health", "/metrics", "/admin/nothing", "/admin/server_info", "/"])
def test_every_answer_has_the_contract_s_headers(admin, path):
    answer = admin.fetch(path)
    assert {name: answer.headers[name] for name in STANDARD} == STANDARD
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert int(answer.headers["content-length"]) == len(answer.body)


def test_a_connection_takes_many_requests_also_sent_at_once(admin):
    request = b"GET /admin/ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    admin.process.health.lifecycle.started()
    answer = admin.raw(request * 20 + last)
    assert answer.count(b"\r\n\r\npong") == 20
    assert answer.endswith(b"\r\n\r\nOK\n")


def test_http_1_0_closes_unless_asked_not_to(admin):
    assert admin.raw(b"GET /admin/ping HTTP/1.0\r\n\r\n").endswith(b"pong")
    with admin.connect() as sock:
        for _ in range(2):
            sock.sendall(b"GET /admin/ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            received = b""
            while not received.endswith(b"pong"):
                received += sock.recv(4096)
            assert b"Connection: keep-alive" in received


def test_head_has_the_length_and_no_body(admin):
    answer = admin.raw(b"HEAD /admin/ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b"Content-Length: 4\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("raw", "status", "why"),
    [
        (b"nonsense\r\n\r\n", 400, b"The request line is not HTTP."),
        (b"GET / HTTP/2.0\r\n\r\n", 505, b"HTTP/1.1"),
        (b"GET /admin/ping HTTP/1.1\r\n\r\n", 400, b"The Host header is missing."),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, b"The header host is there twice."),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400, b"A header line is not HTTP."),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, b"A header line is not HTTP."),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, b"send Content-Length"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, b"Content-Length is not a number."),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413, b"longer than 1048576 bytes"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431, b"more than 100 headers"),
        (b"GET /?" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", 431, b"longer than 16384 bytes"),
        (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, b"The address must start with /."),
        (b"GET /?" + b"&".join(b"a=%d" % n for n in range(101)) + b" HTTP/1.0\r\n\r\n", 400, b"too many parameters"),
    ],
)
def test_what_is_not_a_request_gets_its_status_and_one_line(admin, raw, status, why):
    answer = admin.raw(raw)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    body = answer.partition(b"\r\n\r\n")[2]
    assert why in body
    assert body.count(b"\n") == 1


def test_a_refused_client_that_keeps_sending_still_reads_why(admin):
    with admin.connect() as sock:
        sock.sendall(b"POST /admin/ping HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n")
        for _ in range(10):  # as a client does that looks for an answer only when it has sent all
            sock.sendall(b"x" * 20_000)
            time.sleep(0.02)
        assert b"413" in sock.recv(65536).split(b"\r\n")[0]


def test_a_body_arrives_in_pieces_and_is_announced_by_100_continue(admin):
    admin.add("/echo", lambda request: Response(body=request.body[::-1]), tier=Tier.MUTATING, methods=("POST",))
    with admin.connect() as sock:
        sock.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\nExpect: 100-continue\r\n")
        sock.sendall(b"Connection: close\r\n\r\n")
        assert sock.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"abc")
        sock.sendall(b"def")
        assert sock.makefile("rb").read().endswith(b"\r\n\r\nfedcba")


def test_a_slow_request_is_ended_and_holds_nobody_up(make_admin):
    admin = make_admin(limits=Limits(request_timeout_s=0.4))
    slow = [admin.connect() for _ in range(20)]
    for sock in slow:
        sock.sendall(b"GET /admin/ping HT")
    assert admin.fetch("/metrics").status == 200
    answers = [sock.makefile("rb").read() for sock in slow]
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
    for sock in slow:
        sock.close()


def test_the_start_of_a_further_request_has_the_same_time(make_admin):
    admin = make_admin(limits=Limits(request_timeout_s=0.3))
    answer = admin.raw(b"GET /admin/ping HTTP/1.1\r\nHost: a\r\n\r\nGET /admin/pi")
    assert b"\r\n\r\npongHTTP/1.1 408 " in answer


def test_a_quiet_connection_is_closed(make_admin):
    admin = make_admin(limits=Limits(idle_timeout_s=0.2))
    with admin.connect() as sock:
        assert sock.recv(1) == b""


def test_beyond_the_cap_the_connection_that_has_been_quiet_longest_goes(make_admin):
    admin = make_admin(limits=Limits(connections=3))
    quiet = []
    for _ in range(3):
        quiet.append(admin.connect())
        time.sleep(0.02)
    assert admin.fetch("/admin/ping").body == b"pong"
    assert quiet[0].recv(1) == b""
    quiet[2].sendall(b"GET /admin/ping HTTP/1.1\r\nHost: a\r\n\r\n")
    assert quiet[2].recv(4096).endswith(b"pong")
    for sock in quiet:
        sock.close()


def test_probes_are_answered_while_every_worker_is_busy(admin):
    release = threading.Event()
    admin.add("/slow", lambda _request: release.wait(10) and "done")
    try:
        with ThreadPoolExecutor(6) as pool:
            waiting = [pool.submit(admin.fetch, "/slow") for _ in range(6)]
            wait_for(lambda: len([name for name in admin_threads() if "probe" not in name]) >= 5)
            for path in ("/admin/ping", "/livez"):
                assert admin.fetch(path).status == 200
            release.set()
            assert {each.result().text for each in waiting} == {"done"}
    finally:
        release.set()


def test_a_client_that_does_not_read_is_given_up(make_admin):
    admin = make_admin(limits=Limits(write_timeout_s=0.3, threads=1))
    admin.add("/much", lambda _request: Response(body=b"x" * 50_000_000), tier=Tier.OPEN)
    with admin.connect() as sock:
        sock.sendall(b"GET /much HTTP/1.1\r\nHost: a\r\n\r\n")
        assert admin.fetch("/metrics").status == 200


def test_a_stream_is_chunked_and_keeps_the_connection(admin):
    def stream() -> Iterator[bytes]:
        yield b"one"
        yield b""
        yield b"two!"

    admin.add("/stream", lambda _request: Response(body=stream()), tier=Tier.OPEN)
    request = b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = admin.raw(request + b"GET /admin/ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"\r\n\r\n3\r\none\r\n4\r\ntwo!\r\n0\r\n\r\nHTTP/1.1 200 OK" in answer
    assert b"Transfer-Encoding: chunked\r\n" in answer
    old = admin.raw(b"GET /stream HTTP/1.0\r\n\r\n")
    assert old.endswith(b"\r\n\r\nonetwo!")
    assert b"Content-Length" not in old


def test_a_stream_that_breaks_off_ends_the_connection_and_is_logged(admin, caplog):
    def stream() -> Iterator[bytes]:
        yield b"one"
        raise RuntimeError("no more")

    admin.add("/stream", lambda _request: Response(body=stream()), tier=Tier.OPEN)
    answer = admin.raw(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.endswith(b"3\r\none\r\n")
    wait_for(lambda: "the answer to /stream broke off: RuntimeError: no more" in caplog.text)


def test_a_handler_that_raises_is_one_line_here_and_one_in_the_log(admin, caplog):
    def broken(_request: Request) -> str:
        raise KeyError("s3cret")

    admin.add("/broken", broken)
    answer = admin.fetch("/broken?token=also-secret")
    assert answer.status == 500
    assert answer.text == "/broken failed: KeyError. The log of the service says more.\n"
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    message = record.getMessage()
    assert message.startswith("admin: GET /broken failed: KeyError: 's3cret' (")
    assert "also-secret" not in message and "\n" not in message
    assert admin.fetch("/admin/ping").status == 200


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_not_even_an_exit_takes_a_worker_away(make_admin, error):
    def leave(_request: Request) -> str:
        raise error

    admin = make_admin(limits=Limits(threads=1))
    admin.add("/leave", leave)
    assert admin.fetch("/leave").status == 500
    assert admin.fetch("/metrics").status == 200


def test_a_busy_port_costs_one_log_line(make_admin, caplog):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        admin = make_admin(port=port)
    assert admin.server.port not in (0, port)
    assert admin.server.url == f"http://127.0.0.1:{admin.server.port}"
    assert admin.fetch("/admin/ping").body == b"pong"
    assert [record.getMessage() for record in caplog.records] == [
        f"admin: port {port} on 127.0.0.1 is in use; listening on port {admin.server.port} instead."
        " SPANWISE_ADMIN_PORT chooses another."
    ]


def test_an_address_that_is_not_ours_costs_one_log_line(make_admin, caplog):
    admin = make_admin(host="203.0.113.7")
    assert admin.server.host == "127.0.0.1"
    assert admin.fetch("/admin/ping").body == b"pong"
    assert len(caplog.records) == 1


def test_the_url_is_one_that_can_be_opened(make_admin):
    assert make_admin(host="0.0.0.0").server.url.startswith("http://127.0.0.1:")


def test_closing_ends_what_is_under_way_and_every_thread(make_admin):
    before = set(admin_threads())
    admin = make_admin()
    entered = threading.Event()

    def slow(_request: Request) -> str:
        entered.set()
        time.sleep(0.3)
        return "done"

    admin.add("/slow", slow)
    idle = admin.connect()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(admin.fetch, "/slow")
        assert entered.wait(5)
        admin.server.close(timeout_s=5)
        assert answer.result().text == "done"
    assert idle.recv(1) == b""
    idle.close()
    assert set(admin_threads()) <= before
    with pytest.raises(ConnectionRefusedError):
        admin.connect()


def test_closing_does_not_wait_for_a_stuck_page(make_admin):
    admin = make_admin()
    release, entered = threading.Event(), threading.Event()
    admin.add("/stuck", lambda _request: (entered.set(), release.wait(20), "late")[2])
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(admin.fetch, "/stuck")
        assert entered.wait(5)
        begun = time.monotonic()
        admin.server.close(timeout_s=0.3)
        assert time.monotonic() - begun < 3
        release.set()
        assert answer.result().text == "late"


def test_a_forked_child_lets_go_and_the_parent_goes_on(admin):
    with admin.connect() as sock:
        sock.sendall(b"GET /admin/ping HTTP/1.1\r\nHost: a\r\n\r\n")
        assert sock.recv(4096).endswith(b"pong")
        child = os.fork()
        if child == 0:
            try:
                admin.server.close_after_fork()
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        sock.sendall(b"GET /admin/ping HTTP/1.1\r\nHost: a\r\n\r\n")
        assert sock.recv(4096).endswith(b"pong")
    assert admin.fetch("/admin/ping").body == b"pong"


def test_importing_starts_nothing_and_loads_no_server():
    program = (
        "import sys, threading, spanwise.admin;"
        "assert threading.active_count() == 1;"
        "heavy = {'socket', 'selectors', 'prometheus_client', 'spanwise.admin.server', 'spanwise.web'};"
        "loaded = heavy & set(sys.modules);"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
