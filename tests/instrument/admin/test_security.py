"""Every route against whoever should not get in, and against whatever a client may send."""

from __future__ import annotations

import io
import os
import time
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanwise.admin import builtin
from spanwise.admin.messages import Request, Tier
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
# What a fuzzed request must not do for real, and what would take its time.
DEADLY = ("/quitquitquit", "/admin/shutdown", "/abortabortabort", "/admin/restart", "/admin/drain")
SLOW = ("pprof", "/trace")
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


@pytest.fixture
def application(registry, health, request):
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


@pytest.mark.parametrize("each", SENSITIVE + MUTATING, ids=by_id)
def test_inside_the_application_loopback_never_counts(application, each):
    path, method, _ = each
    if not path.startswith("/admin"):
        pytest.skip("only what is below /admin is mounted")
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


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json"])
def test_no_secret_of_the_environment_is_in_any_answer(application_with_secrets, accept):
    for path, method, _ in BUILT_IN:
        if path in DEADLY or any(word in path for word in SLOW) or "stream" in path:
            continue
        response = ask(application_with_secrets, concrete(path), method, accept=accept)
        body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
        assert b"hunter2" not in body, f"{method} {path}"
        assert "hunter2" not in str(response.headers), f"{method} {path}"


FUZZED = [
    (path, method, name)
    for path, method, route in BUILT_IN
    for name in (*route.parameter_names, "unknown")
    if path not in DEADLY[:4] and not any(word in path for word in SLOW) and "stream" not in path
]
VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["", "null", "NaN", "-1", "1e999", "10" * 30, "true", "../../etc/passwd", "*", "a/b/*", "%00", "９"]
    ),
    st.floats().map(str),
    st.integers().map(str),
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    where=st.sampled_from(FUZZED),
    value=VALUES,
    more=st.dictionaries(st.sampled_from([each[2] for each in FUZZED]), VALUES, max_size=3),
    rest=st.text(max_size=20),
    as_form=st.booleans(),
    accept=st.sampled_from(["*/*", "text/html", "application/json"]),
)
def test_no_parameter_makes_a_500(application, where, value, more, rest, as_form, accept):
    path, method, name = where
    fields = {**more, name: value}
    query = {} if as_form else {key: [text] for key, text in fields.items()}
    body = urlencode(fields, errors="replace").encode() if as_form else b""
    headers = {"accept": accept} | ({"content_type": "application/x-www-form-urlencoded"} if as_form else {})
    response = ask(application, path.replace("*", rest), method, query=query, body=body, **headers)
    if not isinstance(response.body, bytes):
        b"".join(response.body)
    assert response.status < 500 or response.status == 503, (method, path, quote(str(fields)))
    application.process.changes.undo_all()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    where=st.sampled_from([each for each in MUTATING if each[0] not in DEADLY]),
    body=st.binary(max_size=200),
    kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain", ""]),
)
def test_no_body_makes_a_500(application, where, body, kind):
    response = ask(application, concrete(where[0]), where[1], body=body, content_type=kind)
    assert response.status < 500
    application.process.changes.undo_all()
