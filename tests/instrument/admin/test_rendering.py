from __future__ import annotations

import json

import pytest

from spanwise.admin.messages import Page, Response
from spanwise.admin.rendering import json_text

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("answer", "content_type", "body"),
    [
        ("text <b>", "text/plain;charset=UTF-8", b"text <b>"),
        (
            {"a": [1, 2.5], "b": None},
            "application/json;charset=UTF-8",
            b'{\n  "a": [\n    1,\n    2.5\n  ],\n  "b": null\n}\n',
        ),
        ([], "application/json;charset=UTF-8", b"[]\n"),
        (b"\x00\x01", "application/octet-stream", b"\x00\x01"),
        (Response(body=b"<p>", content_type="text/html"), "text/html", b"<p>"),
        (Page("Title", "twin", "<p>html</p>"), "text/plain;charset=UTF-8", b"twin"),
        (Page("Title", "", "<p>html</p>", data={"a": 1}), "application/json;charset=UTF-8", b'{\n  "a": 1\n}\n'),
    ],
)
def test_a_script_gets_text_or_json(admin, answer, content_type, body):
    admin.add("/x", lambda _request: answer)
    got = admin.fetch("/x", accept="*/*")
    assert (got.headers["content-type"], got.body) == (content_type, body)


@pytest.mark.parametrize(
    ("answer", "inside"),
    [
        ("text <b>", "<pre>text &lt;b&gt;</pre>"),
        ({"a": "<i>"}, "<tr><th>a</th><td>&lt;i&gt;</td></tr>"),
        ({"a": {"b": "<i>"}}, "<pre>{\n  &quot;a&quot;: {\n    &quot;b&quot;: &quot;&lt;i&gt;&quot;\n  }\n}\n</pre>"),
        (Page("My title", "twin", "<p>html</p>"), "<p>html</p>"),
    ],
)
def test_a_browser_gets_the_same_in_a_page(admin, answer, inside):
    admin.add("/x", lambda _request: answer, title="The <route>")
    got = admin.fetch("/x", accept=BROWSER)
    assert got.headers["content-type"] == "text/html;charset=UTF-8"
    assert got.text.startswith("<!doctype html>")
    assert inside in got.text
    title = "My title" if isinstance(answer, Page) else "The &lt;route&gt;"
    assert f"<h1>{title}</h1>" in got.text


def test_json_wins_by_accept_and_by_ending(admin):
    page = Page("Title", "twin", "<p>html</p>", data={"a": 1})
    admin.add("/x", lambda _request: page)
    admin.add("/x.json", lambda _request: {"a": 1})
    assert json.loads(admin.fetch("/x", accept="application/json").body) == {"a": 1}
    assert json.loads(admin.fetch("/x", accept="text/html, application/json").body) == {"a": 1}
    assert json.loads(admin.fetch("/x.json", accept=BROWSER).body) == {"a": 1}


def test_a_page_s_status_and_headers_are_kept(admin):
    admin.add(
        "/x", lambda _request: Page("Title", "twin", status=418, headers=(("Cache-Control", "max-age=1"), ("X-A", "b")))
    )
    for accept in ("*/*", BROWSER):
        got = admin.fetch("/x", accept=accept)
        assert (got.status, got.headers["x-a"], got.headers["cache-control"]) == (418, "b", "max-age=1")


def test_json_has_no_word_for_nan():
    data = {"a": float("nan"), "b": [float("inf"), 1.5], "c": {"d": (float("-inf"),)}}
    assert json.loads(json_text(data)) == {"a": None, "b": [None, 1.5], "c": {"d": [None]}}


def test_what_json_does_not_know_is_written_as_text():
    assert json.loads(json_text({"a": 1j})) == {"a": "1j"}


def test_errors_are_pages_for_browsers(admin):
    got = admin.fetch("/admin/pings<script>", accept=BROWSER)
    assert got.status == 404
    assert "There is no /admin/pings&lt;script&gt;: did you mean /admin/ping?" in got.text
    assert "<script>" not in got.text.replace('<script src="/admin/static/theme.js"></script>', "")
