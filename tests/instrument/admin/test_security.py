"""Every route against whoever should not get in, and against whatever a client may send."""

from __future__ import annotations

import io
import logging
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanwise.admin import builtin
from spanwise.admin.messages import HTML, Request, Tier
from spanwise.admin.mounted import WSGIMount
from spanwise.admin.process import Process
from spanwise.admin.routes import ROUTES
from spanwise.admin.server import make_application
from tests.instrument.admin.conftest import IDENTITY, settings_with

builtin.register()
ALL = [(route.path, method, route) for route in ROUTES.all() for method in route.methods]
BUILT_IN = [each for each in ALL if each[2].handler.__module__.startswith("spanwise.")]
SENSITIVE = [each for each in BUILT_IN if each[2].tier is Tier.SENSITIVE]
MUTATING = [each for each in BUILT_IN if each[2].tier is Tier.MUTATING and not each[2].entrance]
MOUNTED = [each for each in SENSITIVE + MUTATING if each[0].startswith("/admin")]
# What would take its time, and for how long it is asked instead.
SLOW = ("/admin/pprof/", "/debug/pprof/")
INSTANT = {"seconds": ["0.01"], "pause": ["0.01"]}
SECRETS = {
    "DATABASE_URL": "postgres://user:hunter2-db@db/x",
    "AWS_SECRET_ACCESS_KEY": "hunter2-aws",
    "HARMLESS": "hunter2-plain",
    "SPANWISE_ADMIN_TOKEN": "hunter2-token",
    "SPANWISE_ADMIN_ALLOWED_HOSTS": "hunter2-host.example",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=hunter2-header",
    "SPANWISE_COLLECTOR_URL": "http://user:hunter2-collector@collector.example",
}


def concrete(path: str) -> str:
    return path.replace("*", "x")


def by_id(each) -> str:
    return f"{each[1]} {each[0]}"


@pytest.fixture(autouse=True)
def nothing_ends(monkeypatch):
    """What a fuzzed request must not do for real."""
    monkeypatch.setattr("spanwise.admin.ending.quit_gracefully", lambda *given: True)
    monkeypatch.setattr("spanwise.admin.ending.abort", lambda *given: None)
    monkeypatch.setattr("spanwise.admin.ending.restart_by", lambda: None)


@pytest.fixture
def application(registry, health):
    configured = settings_with(token="s3cret")
    process = Process(IDENTITY, registry, configured, time.time(), health=health)
    yield make_application(process, configured)
    process.changes.undo_all()


def ask(application, path, method="GET", peer="127.0.0.1", own_port=True, query=None, body=b"", **headers):
    named = {"host": "localhost:9990"} | {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(method, path, query or {}, named, peer, body, application.process, own_port)
    return application.answer(request)


@pytest.mark.parametrize("each", SENSITIVE + MUTATING, ids=by_id)
@pytest.mark.parametrize(
    "how",
    [
        {"peer": "192.0.2.7"},
        {"peer": "192.0.2.7", "authorization": "Bearer wrong"},
        {"peer": "192.0.2.7", "cookie": "spanwise_admin=1.0.0"},
        {"x_forwarded_for": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1"},
        {"x_real_ip": "127.0.0.1"},
        {"via": "1.1 proxy"},
        {"host": "rebound.example"},
        {"own_port": False},
    ],
    ids=lambda how: "+".join(how),
)
def test_who_is_not_certainly_here_and_has_no_token_is_refused(application, each, how):
    path, method, _ = each
    assert ask(application, concrete(path), method, **how).status == 401


@pytest.mark.parametrize("each", MOUNTED, ids=by_id)
def test_inside_the_application_loopback_never_counts(application, each):
    path, method, _ = each
    started = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": concrete(path), "REMOTE_ADDR": "127.0.0.1"}
    environ |= {"HTTP_HOST": "localhost", "wsgi.input": io.BytesIO(b"")}
    mount = WSGIMount(lambda *_: [b"the application"], application=lambda: application)
    assert list(mount(environ, lambda *args: started.append(args))) != [b"the application"]
    assert started[0][0].startswith("401")


@pytest.mark.parametrize("each", MUTATING, ids=by_id)
def test_nothing_is_changed_by_get_or_from_another_site(application, each):
    path, method, _ = each
    by_method = application.process.routes.at(concrete(path))
    for safe in ("GET", "HEAD"):
        assert safe not in by_method or by_method[safe].tier is not Tier.MUTATING
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:1"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"host": "rebound.example", "authorization": "Bearer s3cret"},
    ):
        assert ask(application, concrete(path), method, **headers).status == 403


@pytest.fixture
def application_with_secrets(registry, health, monkeypatch):
    from spanwise.configuration import INSTRUMENT_SETTINGS
    from spanwise.settings import resolve

    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["app.py", "--password=hunter2-argument", "hunter2-word"])
    configured = resolve(INSTRUMENT_SETTINGS, environ=os.environ)
    process = Process(IDENTITY, registry, configured, time.time(), health=health)
    yield make_application(process, configured)
    process.changes.undo_all()


def whole(response):
    """Headers and body; of a stream its first piece."""
    body = response.body if isinstance(response.body, bytes) else next(response.body, b"")
    return str(response.headers).encode() + body


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "192.0.2.7"])
def test_no_secret_of_the_environment_is_in_any_answer(application_with_secrets, accept, peer):
    logging.getLogger("app").error("cannot connect to %s", SECRETS["DATABASE_URL"])
    for path, method, _ in BUILT_IN:
        query = INSTANT if path.startswith(SLOW) else {}
        response = ask(application_with_secrets, concrete(path), method, peer=peer, query=query, accept=accept)
        assert b"hunter2" not in whole(response), f"{method} {path}"


FUZZED = [(path, method, name) for path, method, route in BUILT_IN for name in (*route.parameter_names, "unknown")]
NAMES = sorted({each[2] for each in FUZZED} | {"worker", "pause", "next", "fmt"})
VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "",
            "null",
            "NaN",
            "-1",
            "1e999",
            "10" * 30,
            "true",
            "../../etc/passwd",
            "*",
            "a/b/*",
            "%00",
            "９",
            "a:b",
            "all",
        ]
    ),
    st.floats().map(str),
    st.integers().map(str),
)


def quick(fields):
    """The same without waiting for long: a time that would be waited for is a hundredth of a second."""
    for name in ("seconds", "pause"):
        try:
            if 0 < float(fields.get(name) or 1) <= 300:  # left out or empty is ten seconds and more
                fields[name] = "0.01"
        except ValueError:
            continue
    return fields


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    where=st.sampled_from(FUZZED),
    value=VALUES,
    more=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3),
    rest=st.text(max_size=20),
    as_form=st.booleans(),
    accept=st.sampled_from(["*/*", "text/html", "application/json"]),
)
def test_no_parameter_makes_a_500(application, where, value, more, rest, as_form, accept):
    path, method, name = where
    fields = {**more, name: value}
    if path.startswith(SLOW):
        fields = quick(fields)
    query = {} if as_form else {key: [text] for key, text in fields.items()}
    body = urlencode(fields, errors="replace").encode() if as_form else b""
    if path.startswith(SLOW) and as_form:
        query = INSTANT
    headers = {"accept": accept} | ({"content_type": "application/x-www-form-urlencoded"} if as_form else {})
    response = ask(application, path.replace("*", rest), method, query=query, body=body, **headers)
    whole(response)
    assert response.status < 500 or path in ANSWERS_503 or path.startswith("/health/"), (
        method,
        path,
        quote(str(fields)),
    )
    application.process.changes.undo_all()


# Not ready is what these are there to say; a census or a window is refused where memory is short.
ANSWERS_503 = (
    "/health",
    "/livez",
    "/readyz",
    "/startupz",
    "/admin/pprof/heap",
    "/debug/pprof/heap",
    "/debug/pprof/allocs",
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    where=st.sampled_from(MUTATING),
    body=st.binary(max_size=200),
    kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain", ""]),
)
def test_no_body_makes_a_500(application, where, body, kind):
    response = ask(application, concrete(where[0]), where[1], body=body, content_type=kind)
    assert response.status < 500
    application.process.changes.undo_all()


EVERY = sorted({(path, method, name) for path, method, name in FUZZED if name != "unknown"})


NONSENSE = ("", "\x00", "1e999", "９" * 400, "<b>'\"", "%2e%2e/")


@pytest.mark.parametrize("each", EVERY, ids=lambda each: f"{each[1]} {each[0]} {each[2]}")
def test_every_parameter_of_every_route_takes_nonsense(application, each):
    path, method, name = each
    for value in NONSENSE:
        query = {name: [value]} if not path.startswith(SLOW) else {**INSTANT, name: [quick({name: value})[name]]}
        response = ask(application, concrete(path), method, query=query, accept="text/html")
        body = whole(response)
        assert response.status < 500 or path in ANSWERS_503 or path.startswith("/health/")
        assert b"<b>'" not in body or response.content_type != HTML, "escaped wherever it is shown"
    application.process.changes.undo_all()


class Elsewhere(BaseHTTPRequestHandler):
    """A page of another site, which the browser of somebody on this machine has open."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!DOCTYPE html><title>elsewhere</title>")

    def log_message(self, *given):
        pass


def test_a_page_of_another_site_changes_and_reads_nothing(admin, browser):
    there = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=there.serve_forever)
    thread.start()
    here = f"http://127.0.0.1:{admin.server.port}"
    try:
        with browser.open(f"http://localhost:{there.server_port}/") as tab:
            for path in (
                "/admin/drain",
                "/admin/logging?logger=a&level=DEBUG",
                "/admin/gc?freeze=true",
                "/quitquitquit",
            ):
                sent = f"fetch('{here}{path}', {{method: 'POST', mode: 'no-cors'}}).then(() => 'sent', () => 'refused')"
                assert tab.evaluate(sent) in ("sent", "refused")
                image = "const i = new Image(); i.onerror = i.onload = () => done(1);"
                assert tab.evaluate(f"new Promise(done => {{ {image} i.src = '{here}{path}' }})") == 1
            read = f"fetch('{here}/admin/threads').then(answer => answer.text(), () => 'refused')"
            assert tab.evaluate(read) == "refused"
            tab.evaluate(
                "(() => { const f = document.createElement('form'); f.method = 'post';"
                f" f.action = '{here}/admin/drain'; document.body.append(f); f.submit() }})()"
            )
            tab.wait(f"location.href.startsWith('{here}')")
            tab.wait("document.body?.innerText.includes('may not change anything here')")
    finally:
        there.shutdown()
        thread.join()
        there.server_close()
    assert admin.process.changes.active() == []
    lifecycle = admin.process.health.lifecycle
    assert not lifecycle.ending and lifecycle.state.value != "draining"
