"""One service that is given a secret at every door, and every place where one could come out again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.instrument.collector_sink import CollectorSink, free_port
from tests.instrument.conftest import Ran

# Each secret says which door it came in by: `leak-` and a word.
SERVICE = """
import http.client, io, json, logging, os, sys, threading, time
log = io.StringIO()
import spanwise, spanwise.logs
spanwise.logs.configure(format="json", level="DEBUG", stream=log)
text_log = logging.StreamHandler(text := io.StringIO())
text_log.setFormatter(spanwise.logs.TextFormatter())
logging.getLogger().addHandler(text_log)

import httpx, requests, sqlalchemy, urllib3, urllib.request
from flask import Flask
from opentelemetry import trace
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
import fakeredis
from waitress import create_server

app = Flask("shop")
instrumentation = spanwise.instrument(app, service="shop", sample_rate=1.0)
engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.StaticPool,
                                  connect_args={"check_same_thread": False})
SQLAlchemyInstrumentor().instrument(engine=engine, skip_dep_check=True)
RedisInstrumentor().instrument()
with engine.begin() as connection:
    connection.exec_driver_sql("CREATE TABLE users (email TEXT UNIQUE, card TEXT)")
    connection.execute(sqlalchemy.text("INSERT INTO users VALUES (:e, 'leak-sqlliteral')"), {"e": "leak-sqlparameter"})

down = os.environ["DOWN"]
holding, release = threading.Event(), threading.Event()
ACCEPT = ("application/json", "text/html", "text/plain", "application/openmetrics-text; version=1.0.0")
VALUES = ("leak-selected", "leak-failedliteral", "leak-sqlparameter")  # not in the lines of code that a traceback shows
CREDENTIALS = {"Authorization": "Bearer leak-clientheader", "Cookie": "session=leak-clientcookie"}

@app.get("/clients")
def clients():
    url = os.environ["SINK"].replace("//", "//user:leak-userinfo@") + "/x?sig=leak-clientquery&access_token=leak-token"
    requests.get(url, headers=CREDENTIALS, timeout=5)
    httpx.get(url, headers=CREDENTIALS, timeout=5)
    urllib3.PoolManager().request("GET", os.environ["SINK"] + "/x?sig=leak-urllib3query", headers=CREDENTIALS)
    urllib.request.urlopen(os.environ["SINK"] + "/x?sig=leak-urllibquery", timeout=5).read()
    return "fine"

@app.get("/refused")
def refused():
    requests.get(f"http://user:leak-refuseduser@{down}/x?sig=leak-refusedquery", timeout=5)

@app.get("/sql")
def sql():
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"SELECT * FROM users WHERE card = '{VALUES[0]}'"))
        connection.execute(sqlalchemy.text(f"INSERT INTO users VALUES (:e, '{VALUES[1]}')"), {"e": VALUES[2]})

@app.get("/redis")
def redis():
    fakeredis.FakeRedis().set("session", "leak-redisvalue")
    return "fine"

@app.get("/raises")
def raises():
    raise RuntimeError("no connection to postgresql://u:leak-dsn@db/shop, password=leak-password,"
                       " headers {'Authorization': 'Basic leak-basic', 'X-Api-Key': 'leak-apikey'}")

@app.get("/foreign")
def foreign():
    tracer = trace.get_tracer("foreign")
    with tracer.start_as_current_span("their span") as span:
        span.set_attribute("db.connection_string", "mysql://u:leak-connection@db/shop")
        span.add_event("retry", {"url": "http://u:leak-event@h/"})
        span.add_link(span.get_span_context(), {"url.full": "http://h/?sig=leak-link"})
        raise ValueError("token=leak-status")

@app.get("/held")
def held():
    password = "leak-local"
    holding.set()
    release.wait(30)
    return "fine"

@spanwise.readiness("database")
def database():
    raise RuntimeError("postgresql://u:leak-check@db/shop")

@spanwise.task("settle")
def settle():
    raise RuntimeError("api_key='leak-task'")

server = create_server(app, host="127.0.0.1", port=0, threads=4)
threading.Thread(target=server.run, daemon=True).start()

def get(port, path, **headers):  # by a client that is not instrumented
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.read().decode("utf-8", "replace")

def visit(path):
    return get(server.effective_port, path + "?sig=leak-query&token=leak-querytoken&password=leak-querypassword",
               Authorization="Bearer leak-header", Cookie="session=leak-cookie", X_Api_Key="leak-headerkey",
               Referer="http://u:leak-referer@h/", X_Spanwise_Trace="leak-admintoken")[0]

statuses = {path: visit(path) for path in ("/clients", "/refused", "/sql", "/redis", "/raises", "/foreign", "/nowhere")}
threading.Thread(target=visit, args=("/held",), daemon=True).start()
holding.wait(10)
def ends():
    raise RuntimeError("secret_key=leak-thread")
ender = threading.Thread(target=ends, name="ender")
ender.start()
ender.join()
try:
    settle()
except RuntimeError:
    logging.getLogger("shop").exception("settling failed with token=leak-message")
deadline = time.monotonic() + 20
while "database" not in log.getvalue() and time.monotonic() < deadline:
    time.sleep(0.05)

from spanwise.admin.routes import ROUTES
shown = {}
for route in ROUTES.all():
    if "GET" not in route.methods or route.path == "/admin/metrics/stream":  # which never ends
        continue
    lasts = any("seconds" in parameter for parameter in route.parameters)
    path = route.path.replace("*", "x") + ("?seconds=1" if lasts else "?verbose")
    for accept in ACCEPT[:1] if lasts else ACCEPT:
        shown[f"{route.path} {accept}"] = get(instrumentation.admin.port, path, Accept=accept,
                                              Authorization="Bearer leak-admintoken")
release.set()
instrumentation.force_flush()
instrumentation.shutdown()
print(json.dumps({"statuses": statuses, "shown": shown, "log": log.getvalue(), "text log": text.getvalue()}))
"""
LEAK = re.compile(r"leak-\w+")


def _found(text: str) -> list[str]:
    return sorted(set(LEAK.findall(text)))


@pytest.fixture
def service(run: Callable[..., Ran], sink: CollectorSink) -> tuple[Any, Ran]:
    ran = run(
        SERVICE,
        "--password=leak-argument",
        SINK=sink.url,
        DOWN=f"127.0.0.1:{free_port()}",
        SPANWISE_COLLECTOR_URL=sink.url.replace("//", "//user:leak-collector@"),
        OTEL_EXPORTER_OTLP_HEADERS="x-key=leak-otlpheader",
        SPANWISE_ADMIN_TOKEN="leak-admintoken",
        DATABASE_PASSWORD="leak-environment",
    )
    return ran.json, ran


def test_no_secret_comes_out_anywhere(service: tuple[Any, Ran], sink: CollectorSink) -> None:
    found, ran = service
    assert found["statuses"] == {
        "/clients": 200,
        "/refused": 500,
        "/sql": 500,
        "/redis": 200,
        "/raises": 500,
        "/foreign": 500,
        "/nowhere": 404,
    }
    leaks: dict[str, list[str]] = {}
    for request in sink.exports:
        leaks["spans"] = sorted({*leaks.get("spans", []), *_found(request.body.decode("latin-1"))})
    for path, (_, body) in found["shown"].items():
        leaks[path] = _found(body)
    leaks["log"], leaks["text log"] = _found(found["log"]), _found(found["text log"])
    # Python itself writes there what ended a thread.
    leaks["standard error"] = [leak for leak in _found(ran.stderr) if leak != "leak-thread"]
    assert {place: secrets for place, secrets in leaks.items() if secrets} == {}

    # And the doors were open: what was redacted is there without its secret.
    names = {span.name for span in sink.spans()}
    assert {"GET /clients", "GET /sql", "GET /raises", "their span", "settle", "GET"} <= names
    assert b"INSERT INTO users VALUES (?, ?)" in b"".join(request.body for request in sink.exports)
    answered = {path.partition(" ")[0] for path, (status, _) in found["shown"].items() if status == 200}
    assert {"/metrics", "/admin/exceptions", "/admin/requests", "/admin/threads", "/admin/registry"} <= answered
    exceptions = found["shown"]["/admin/exceptions application/json"][1]
    assert "no connection to postgresql://REDACTED@db/shop" in exceptions
    assert '"path": "/held"' in found["shown"]["/admin/requests application/json"][1]
    assert 'trace_id="' in found["shown"]["/metrics application/openmetrics-text; version=1.0.0"][1]
    assert "settling failed with token=REDACTED" in found["log"]
    assert "settling failed with token=REDACTED" in found["text log"]


@pytest.mark.parametrize("way", ["OTEL_EXPORTER_OTLP_ENDPOINT", "SPANWISE_COLLECTOR_URL"])
def test_an_address_with_a_password_that_cannot_be_used(run: Callable[..., Ran], way: str) -> None:
    ran = run("import spanwise\nspanwise.instrument(service='x')\n", **{way: "ftp://user:leak-address@h"})
    assert ran.code != 0
    assert f"{way}='ftp://REDACTED@h' is not" in ran.stderr
    assert _found(ran.stderr) == []
