"""The admin pages inside a WSGI and an ASGI application, called as a server calls them."""

from __future__ import annotations

import asyncio
import io
import time

import pytest

from spanwise.admin.messages import Response, Tier
from spanwise.admin.mounted import ASGIMount, WSGIMount
from spanwise.admin.process import Process
from spanwise.admin.routes import Route
from spanwise.admin.server import make_application
from tests.instrument.admin.conftest import IDENTITY, Answer, settings_with


@pytest.fixture
def application(registry, routes, health):
    settings = settings_with(token="s3cret")
    process = Process(IDENTITY, registry, settings, time.time(), health=health, routes=routes)
    routes.add(Route("/admin/secret", lambda request: f"by {request.trusted_by}", "Secret", "Misc"))
    routes.add(Route("/admin/echo", _echo, "Echo", "Misc", Tier.MUTATING, ("POST",)))
    routes.add(Route("/admin/stream", lambda _request: Response(body=iter([b"a", b"b"])), "Stream", "Misc"))
    return make_application(process, settings)


def _echo(request):
    return request.body + (request.parameter("a") or "").encode()


def _wsgi_app(_environ, start_response):
    start_response("200 OK", [])
    return [b"the application"]


async def _asgi_app(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the application"})


@pytest.fixture(params=["wsgi", "asgi"])
def ask(request, application):
    def ask_wsgi(path, method="GET", body=b"", peer="127.0.0.1", **headers):
        path, _, query = path.partition("?")
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "REMOTE_ADDR": peer}
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "HTTP_HOST": "localhost"}
        environ |= {"CONTENT_TYPE": headers.pop("content_type", ""), "wsgi.url_scheme": "http"}
        environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        started = []
        pieces = WSGIMount(_wsgi_app, application=lambda: application)(environ, lambda *args: started.append(args))
        [(status, pairs)] = started
        return Answer(int(status[:3]), {name.lower(): value for name, value in pairs}, b"".join(pieces))

    def ask_asgi(path, method="GET", body=b"", peer="127.0.0.1", **headers):
        path, _, query = path.partition("?")
        named = {"host": "localhost"} | {name.replace("_", "-"): value for name, value in headers.items()}
        raw = [(name.encode(), value.encode()) for name, value in named.items() if value]
        scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": raw}
        scope |= {"client": (peer, 1234), "scheme": "http"}
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        asyncio.run(ASGIMount(_asgi_app, application=lambda: application)(scope, receive, send))
        answer_headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], answer_headers, b"".join(each.get("body", b"") for each in sent[1:]))

    return ask_wsgi if request.param == "wsgi" else ask_asgi


def test_admin_is_ours_and_the_rest_is_the_application_s(ask):
    assert ask("/admin/ping").body == b"pong"
    assert ask("/livez").body == b"ok\n"
    assert ask("/admin").text.startswith("checkout 1.4.2")
    for path in ("/", "/administration", "/metrics", "/health", "/quitquitquit"):
        assert ask(path).body == b"the application", path


def test_every_header_is_there(ask):
    got = ask("/admin/ping")
    assert got.headers["content-length"] == "4"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-type"].startswith("text/plain")


def test_loopback_never_counts(ask):
    assert ask("/admin/secret").status == 401
    assert ask("/admin/secret", peer="::1").status == 401
    assert ask("/admin/secret", authorization="Bearer wrong").status == 401
    assert ask("/admin/secret", authorization="Bearer s3cret").text == "by token"


def test_a_change_needs_the_token_and_our_own_host(ask):
    assert ask("/admin/echo", "POST").status == 401
    token = {"authorization": "Bearer s3cret"}
    assert ask("/admin/echo", "GET", **token).status == 405
    assert ask("/admin/echo", "POST", b"body", **token).body == b"body"
    assert ask("/admin/echo", "POST", b"a=1", content_type="application/x-www-form-urlencoded", **token).body == b"a=11"
    assert ask("/admin/echo", "POST", origin="http://evil.example", **token).status == 403


def test_a_stream_arrives_whole(ask):
    assert ask("/admin/stream", authorization="Bearer s3cret").body == b"ab"


def test_what_is_too_long_is_refused(ask):
    assert ask("/admin/echo", "POST", b"x" * (1024 * 1024 + 1), authorization="Bearer s3cret").status == 413
    assert ask("/admin/ping?" + "&".join("a=1" for _ in range(101))).status == 400


def test_head_has_no_body(ask):
    got = ask("/admin/ping", "HEAD")
    assert (got.status, got.body, got.headers["content-length"]) == (200, b"", "4")


def test_before_instrument_everything_is_the_application_s():
    started = []
    mount = WSGIMount(_wsgi_app, application=lambda: None)
    assert list(mount({"PATH_INFO": "/admin/ping"}, lambda *args: started.append(args))) == [b"the application"]


def test_asgi_leaves_other_protocols_alone(application):
    seen = []

    async def app(scope, _receive, _send):
        seen.append(scope["type"])

    asyncio.run(ASGIMount(app, application=lambda: application)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]
