from __future__ import annotations

import pytest

from spanwise.admin import sessions
from spanwise.admin.messages import Request


def test_a_cookie_is_good_for_its_token_until_it_expires():
    value = sessions.issue("s3cret", now=1000.0)
    assert "s3cret" not in value
    assert sessions.is_valid(value, ("other", "s3cret"), now=1000.0 + sessions.LIFETIME_S - 1)
    assert not sessions.is_valid(value, ("s3cret",), now=1000.0 + sessions.LIFETIME_S)
    assert not sessions.is_valid(value, ("other",), now=1000.0)
    assert not sessions.is_valid(value, (), now=1000.0)


def test_two_logins_have_two_cookies():
    assert sessions.issue("s3cret") != sessions.issue("s3cret")


@pytest.mark.parametrize("change", ["", "x", "9", "..", "ÿ"])
def test_a_changed_cookie_is_worth_nothing(change):
    value = sessions.issue("s3cret", now=1000.0)
    assert not sessions.is_valid(change + value[1:] if change else "", ("s3cret",), now=1000.0)


def test_a_longer_life_is_not_to_be_had():
    expires, nonce, signature = sessions.issue("s3cret", now=1000.0).split(".")
    assert not sessions.is_valid(f"{int(expires) + 1}.{nonce}.{signature}", ("s3cret",), now=1000.0)


@pytest.mark.parametrize(
    ("header", "expected"),
    [("", ""), ("a=b", ""), ("a=b; spanwise_admin=x.y", "x.y"), ("spanwise_admin=", ""), ("=;;; [", "")],
)
def test_the_cookie_is_found_among_others(header, expected):
    request = Request("GET", "/", {}, {"cookie": header}, "", b"", None)
    assert sessions.cookie_of(request) == expected


def test_the_cookie_is_kept_from_scripts_and_other_sites():
    _, plain = sessions.set_cookie("v", encrypted=False)
    assert plain == "spanwise_admin=v; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"
    assert sessions.set_cookie("v", encrypted=True)[1].endswith("; Secure")
    assert "Max-Age=0" in sessions.set_cookie("", encrypted=False)[1]
