from __future__ import annotations

from urllib.parse import urlencode

import pytest

from spanwise.admin.builtin import login as built_in
from spanwise.admin.login import own_path

BROWSER = "text/html,*/*;q=0.8"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def admin(make_admin):
    built_in._wrong.clear()
    admin = make_admin(token="s3cret", trust_loopback="false")
    admin.add("/admin/x", lambda request: f"by {request.trusted_by}")
    yield admin
    built_in._wrong.clear()


def log_in(admin, token, after="/admin/x", **headers):
    body = urlencode({"token": token, "next": after}).encode()
    return admin.fetch("/admin/login", "POST", body, content_type=FORM, **headers)


def test_a_refused_browser_gets_the_form(admin):
    got = admin.fetch("/admin/x?a=1&b=2", accept=BROWSER)
    assert got.status == 401
    assert '<form method="post" action="/admin/login">' in got.text
    assert 'name="next" value="/admin/x?a=1&amp;b=2"' in got.text
    assert 'type="password"' in got.text


def test_the_right_token_opens_the_page_that_was_asked_for(admin):
    got = log_in(admin, "s3cret")
    assert (got.status, got.headers["location"], got.body) == (303, "/admin/x", b"")
    cookie = got.headers["set-cookie"].partition(";")[0]
    assert admin.fetch("/admin/x", cookie=cookie).text == "by login"
    assert admin.fetch("/admin/x", cookie=f"{cookie}0").status == 401
    assert admin.fetch("/admin/x").status == 401


@pytest.mark.parametrize("token", ["", "s3cre", "S3CRET", "ÿ", "s3cret\n\n\x00"])
def test_a_wrong_token_opens_nothing(admin, token):
    got = log_in(admin, token)
    assert got.status == 403
    assert "set-cookie" not in got.headers
    assert "That is not the token" in got.text


def test_a_token_in_the_address_is_not_taken(admin):
    got = admin.fetch("/admin/login?token=s3cret", "POST", b"token=s3cret", content_type=FORM)
    assert got.status == 403
    assert "set-cookie" not in got.headers


def test_guessing_is_stopped(admin):
    statuses = [log_in(admin, f"guess{number}").status for number in range(built_in._MOST_WRONG + 1)]
    assert statuses == [403] * built_in._MOST_WRONG + [429]
    assert log_in(admin, "s3cret").status == 429


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"host": "rebound.example"},
    ],
)
def test_another_site_cannot_log_a_browser_in(admin, headers):
    got = log_in(admin, "s3cret", **headers)
    assert got.status == 403
    assert "set-cookie" not in got.headers


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/admin/threads?idle=1", "/admin/threads?idle=1"),
        ("//evil.example", "/admin"),
        ("/\\evil.example", "/admin"),
        ("https://evil.example", "/admin"),
        ("/admin\r\nSet-Cookie: a=b", "/admin"),
        ("/admin/login", "/admin"),
        ("", "/admin"),
    ],
)
def test_a_login_leads_nowhere_else(path, expected):
    assert own_path(path) == expected


def test_logging_out_takes_the_cookie_away(admin):
    got = admin.fetch("/admin/logout", "POST")
    assert got.status == 303
    assert "spanwise_admin=; Path=/; Max-Age=0" in got.headers["set-cookie"]


def test_a_service_without_a_token_says_so(make_admin):
    assert "has no admin token" in make_admin().fetch("/admin/login").text


def test_a_login_changes_things_only_from_our_own_pages(admin):
    from spanwise.admin.messages import Tier

    admin.add("/admin/change", lambda _request: "changed", tier=Tier.MUTATING, methods=("POST",))
    cookie = log_in(admin, "s3cret").headers["set-cookie"].partition(";")[0]
    assert admin.fetch("/admin/change", "POST", cookie=cookie).text == "changed"
    assert admin.fetch("/admin/change", "POST", cookie=cookie, origin="http://evil.example").status == 403
