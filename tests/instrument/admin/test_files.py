from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/admin/static/tokens.css", "text/css;charset=UTF-8"),
        ("/admin/static/admin.css", "text/css;charset=UTF-8"),
        ("/admin/static/theme.js", "text/javascript;charset=UTF-8"),
        ("/admin/static/favicon.svg", "image/svg+xml"),
        ("/favicon.ico", "image/svg+xml"),
    ],
)
def test_the_look_is_served(admin, path, content_type):
    got = admin.fetch(path)
    assert (got.status, got.headers["content-type"], got.headers["cache-control"]) == (200, content_type, "max-age=60")
    assert got.body


@pytest.mark.parametrize(
    "name",
    ["", "nothing.css", "../page.html", "%2e%2e/page.html", "/etc/passwd", "..%2f..%2fsettings.py", "tokens.css/"],
)
def test_nothing_else_is(admin, name):
    assert admin.fetch(f"/admin/static/{name}").status == 404
