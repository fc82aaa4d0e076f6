from __future__ import annotations

import pytest

from spanwise.admin.messages import Invalid, Request
from spanwise.admin.parameters import choice, duration_s, flag, number, ttl, whole


def request(body=b"", content_type="", **query):
    given = {name: [value] for name, value in query.items()}
    return Request("POST", "/x", given, {"content-type": content_type}, "", body, None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("1m", 60), ("250ms", 0.25), ("10.seconds", 10), ("1.minute", 60), ("2.hours", 7200), ("0s", 0)],
)
def test_durations_as_we_and_as_twitter_server_write_them(text, seconds):
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "10", "ten", "-1s", "1.fortnight", "10.secondss", "1e9s", "١٠s" * 20])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError):
        duration_s(text)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: ttl(request(ttl="2d")),
        lambda: ttl(request(ttl="0s")),
        lambda: number(request(n="nan"), "n", 0, 0, 1),
        lambda: number(request(n="1.5"), "n", 0, 0, 1),
        lambda: whole(request(n="1.0"), "n", 1, 1, 9),
        lambda: whole(request(n="９"), "n", 1, 1, 9),
        lambda: choice(request(n="c"), "n", "a", ("a", "b")),
        lambda: request(b"{", "application/json").parameter("x"),
        lambda: request(b"[1]", "application/json").parameter("x"),
        lambda: request(b"\xff", "application/x-www-form-urlencoded").parameter("x"),
    ],
)
def test_what_cannot_be_used_is_invalid(ask):
    with pytest.raises(Invalid):
        ask()


def test_a_parameter_comes_by_query_form_or_json():
    assert request(a="1").parameter("a") == "1"
    assert request(b"a=2&b=", "application/x-www-form-urlencoded").parameter("a") == "2"
    assert request(b'{"a": 3, "b": null}', "application/json; charset=utf-8").fields == {"a": ["3"], "b": ["null"]}
    assert request(b"a=2").parameter("a") is None
    assert flag(request(a="true"), "a") and flag(request(a=""), "a") and not flag(request(a="no"), "a")
