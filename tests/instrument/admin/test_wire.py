from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spanwise.admin.limits import Limits
from spanwise.admin.wire import Head, Refused, response_head, take_head

LIMITS = Limits()
pieces = st.sampled_from(
    [
        b"GET ",
        b"/admin",
        b" HTTP/1.1",
        b" HTTP/1.0",
        b"\r\n",
        b"\r\n\r\n",
        b"Host: a",
        b"Content-Length: ",
        b"7",
        b":",
        b" ",
    ]
)


@given(st.lists(st.one_of(pieces, st.binary(max_size=8)), max_size=20).map(b"".join))
@example(b"GET http://[ HTTP/1.1\r\nHost: a\r\n\r\n")
@example(b"GET /%ff%00 HTTP/1.1\r\nHost: a\r\n\r\n")
def test_any_bytes_are_a_head_or_incomplete_or_refused(data):
    buffer = bytearray(data)
    try:
        head = take_head(buffer, LIMITS)
    except Refused as refused:
        assert 400 <= refused.status < 600
        return
    if head is None:
        assert b"\r\n\r\n" not in bytes(buffer)
    else:
        assert head.path.startswith("/")
        assert 0 <= head.body_bytes <= LIMITS.body_bytes
        assert data.endswith(bytes(buffer))


@given(st.integers(0, 60))
def test_a_head_may_arrive_in_two_parts(cut):
    data = b"GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 2\r\n\r\nrest"
    buffer = bytearray(data[:cut])
    head = take_head(buffer, LIMITS)
    buffer += data[cut:]
    head = head or take_head(buffer, LIMITS)
    assert head == Head("GET", "/a b", "c=d", {"host": "x", "a": "1, 2"}, True, 0)
    assert buffer == b"rest"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/a?b=c?d", "/a", "b=c?d"),
        ("/a#f?b", "/a", ""),
        ("/%C3%A9%zz", "/é%zz", ""),
        ("http://other/a?b", "/a", "b"),
        ("http://other", "/", ""),
        ("//a/b", "//a/b", ""),
    ],
)
def test_targets(target, path, query):
    head = take_head(bytearray(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode()), LIMITS)
    assert (head.path, head.query) == (path, query)


@pytest.mark.parametrize(
    ("line", "headers", "keep"),
    [
        ("HTTP/1.1", "", True),
        ("HTTP/1.1", "Connection: Close\r\n", False),
        ("HTTP/1.1", "Connection: upgrade, close\r\n", False),
        ("HTTP/1.0", "", False),
        ("HTTP/1.0", "Connection: Keep-Alive\r\n", True),
    ],
)
def test_keep_alive(line, headers, keep):
    head = take_head(bytearray(f"GET / {line}\r\nHost: a\r\n{headers}\r\n".encode()), LIMITS)
    assert head.keep_alive is keep


def test_empty_lines_before_a_request_are_ignored():
    assert take_head(bytearray(b"\r\n\r\nGET / HTTP/1.0\r\n\r\n"), LIMITS).path == "/"


def test_a_header_value_cannot_break_the_line():
    head = response_head(200, [("Location", "/a\r\nSet-Cookie: b")])
    assert b"Location: /a  Set-Cookie: b\r\n" in head
    assert head.count(b"\r\n") == 4
