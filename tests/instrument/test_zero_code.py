"""`spanwise run`: real programs and servers, started without a changed line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from spanwise import autostart
from tests.instrument.collector_sink import CollectorSink, attributes, free_port, until
from tests.instrument.conftest import clean_environ

FLASK = """
    from flask import Flask
    app = Flask(__name__)
    @app.get("/hello/<name>")
    def hello(name): return name
"""
FASTAPI = """
    from fastapi import FastAPI
    app = FastAPI()
    sub = FastAPI()
    @app.get("/hello/{name}")
    def hello(name: str): return name
"""
DJANGO = """
    from django.conf import settings
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x")
    from django.http import HttpResponse
    from django.urls import path
    urlpatterns = [path("hello/<str:name>", lambda request, name: HttpResponse(name))]
    from django.core.wsgi import get_wsgi_application
    app = get_wsgi_application()
"""
PLAIN_WSGI = """
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "2")])
        return [b"hi"]
"""
PLAIN_ASGI = """
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"hi"})
"""


class Program:
    """A program under `spanwise run` in a folder of its own, with what it writes in `log`."""

    def __init__(self, folder: Path, log: Path, arguments: tuple[str, ...], environ: dict[str, str]) -> None:
        self.log = log
        command = [str(Path(sys.executable).parent / "spanwise"), "run", *arguments]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environ, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def said(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line.startswith("spanwise run: ")]

    def get(self, port: int, path: str) -> bytes:
        """The answer, as soon as the server is up."""
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                    return bytes(answer.read())
            except urllib.error.HTTPError:
                raise
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.05)

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(15)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """`start(source, "--", "gunicorn", ...)`: the source is shop.py in the program's folder."""
    running: list[Program] = []

    def begin(source: str, *arguments: str, **environ: str) -> Program:
        (tmp_path / "shop.py").write_text(textwrap.dedent(source))
        more = {"PYTHONPATH": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), **environ}
        program = Program(tmp_path, tmp_path / "log.txt", arguments, clean_environ(**more))
        running.append(program)
        return program

    yield begin
    for program in running:
        program.end()


def names(sink: CollectorSink) -> list[str]:
    return [span.name for span in sink.spans()]


@pytest.mark.parametrize(
    ("source", "name", "preload"),
    [
        (FLASK, "GET /hello/<name>", False),
        (FLASK, "GET /hello/<name>", True),
        (DJANGO, "GET /hello/<str:name>", False),
    ],
    ids=["flask", "flask-preloaded", "django"],
)
def test_gunicorn(start: Callable[..., Program], sink: CollectorSink, source: str, name: str, preload: bool) -> None:
    port = free_port()
    more = ["--preload"] if preload else []
    program = start(
        source,
        *("--service", "shop", "--collector", sink.url, "--sample-rate", "1", "--"),
        *("gunicorn", "-b", f"127.0.0.1:{port}", "-w", "2", *more, "shop:app"),
    )
    assert program.get(port, "/hello/bob") == b"bob"
    until(lambda: name in names(sink), 15)
    assert {resource["service.name"] for resource in sink.resources()} == {"shop"}
    assert program.end() == 0
    assert program.said == []


def test_uvicorn_with_workers(start: Callable[..., Program], sink: CollectorSink) -> None:
    port = free_port()
    program = start(
        FASTAPI,
        *("--service", "shop", "--collector", sink.url, "--sample-rate", "1", "--"),
        *("uvicorn", "shop:app", "--port", str(port), "--workers", "2"),
    )
    assert program.get(port, "/hello/bob") == b'"bob"'
    until(lambda: "GET /hello/{name}" in names(sink), 15)
    program.end()
    assert program.said == []


def test_a_python_program_that_serves_itself(start: Callable[..., Program], sink: CollectorSink) -> None:
    port = free_port()
    program = start(
        f"{FLASK}    if __name__ == '__main__': app.run(port={port})\n",
        *("--service", "shop", "--collector", sink.url, "--sample-rate", "1", "--", "python", "shop.py"),
    )
    assert program.get(port, "/hello/bob") == b"bob"
    until(lambda: "GET /hello/<name>" in names(sink), 15)
    assert "instrumented" not in program.log.read_text()


@pytest.mark.parametrize(
    ("source", "server"),
    [(PLAIN_WSGI, ("gunicorn", "-b")), (PLAIN_ASGI, ("uvicorn", "--port"))],
    ids=["wsgi", "asgi"],
)
def test_a_plain_application_is_wrapped_and_what_is_missing_is_said(
    start: Callable[..., Program], sink: CollectorSink, source: str, server: tuple[str, str]
) -> None:
    port = free_port()
    address = f"127.0.0.1:{port}" if server[0] == "gunicorn" else str(port)
    program = start(
        source, *("--collector", sink.url, "--sample-rate", "1", "--", server[0], "shop:app", server[1], address)
    )
    assert program.get(port, "/hello") == b"hi"
    until(lambda: "GET" in names(sink), 15)
    (said,) = program.said
    assert said == (
        "spanwise run: shop:app is of no framework that spanwise knows: its requests are counted without their routes;"
        " spanwise.instrument(app, route=...) tells them."
    )


def test_a_script_with_a_client_is_measured(start: Callable[..., Program], sink: CollectorSink) -> None:
    program = start(
        f"""
        import requests
        requests.get("{sink.url}/answer", timeout=5)
        """,
        *("--service", "job", "--collector", sink.url, "--sample-rate", "1", "--", "python", "shop.py"),
    )
    assert program.process.wait(30) == 0
    (span,) = sink.spans()
    assert attributes(span)["url.full"] == f"{sink.url}/answer"
    assert program.said == []


def test_what_cannot_be_instrumented_is_named(start: Callable[..., Program]) -> None:
    program = start("print('done')", "--", "python", "shop.py")
    assert program.process.wait(30) == 0
    (said,) = program.said
    assert "nothing was instrumented: no Flask, Django, FastAPI or Starlette application was created" in said


def test_a_foreign_framework_is_named(start: Callable[..., Program], tmp_path: Path) -> None:
    (tmp_path / "tornado").mkdir()
    (tmp_path / "tornado" / "__init__.py").touch()
    (tmp_path / "tornado" / "web.py").touch()
    program = start("import tornado.web", "--", "python", "shop.py")
    assert program.process.wait(30) == 0
    (said,) = program.said
    assert said.startswith("spanwise run: Tornado is neither WSGI nor ASGI")


def test_an_application_that_instruments_itself_wins(start: Callable[..., Program], sink: CollectorSink) -> None:
    program = start(
        """
        import spanwise
        from flask import Flask
        app = Flask(__name__)
        here = spanwise.instrument(app)
        @app.get("/x")
        def x(): return "x"
        app.test_client().get("/x")
        here.force_flush()
        """,
        *("--service", "shop", "--collector", sink.url, "--sample-rate", "1", "--", "python", "shop.py"),
    )
    assert program.process.wait(30) == 0
    assert names(sink) == ["GET /x"]


def test_a_subclass_is_instrumented_once_it_is_complete(start: Callable[..., Program], sink: CollectorSink) -> None:
    program = start(
        """
        from flask import Flask
        class Shop(Flask):
            def __init__(self):
                super().__init__("shop")
                self.add_url_rule("/y", view_func=lambda: "y", endpoint="y")
        app = Shop()
        app.test_client().get("/y")
        """,
        *("--collector", sink.url, "--sample-rate", "1", "--", "python", "shop.py"),
    )
    assert program.process.wait(30) == 0
    assert names(sink) == ["GET /y"]


def test_the_user_s_own_sitecustomize_still_runs(start: Callable[..., Program], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os; os.environ['OWN'] = __name__\n")
    program = start(
        "import os, sys, sitecustomize; print(os.environ['OWN'], sitecustomize.__file__)", "--", "python", "shop.py"
    )
    assert program.process.wait(30) == 0
    assert f"sitecustomize {tmp_path / 'sitecustomize.py'}" in program.log.read_text()


def test_a_python_without_spanwise_runs_on() -> None:
    bootstrap = Path(autostart.__file__).parent / "bootstrap"
    done = subprocess.run(
        [str(Path(sys.base_prefix) / "bin" / "python3"), "-c", "print('on')"],
        env={"PYTHONPATH": str(bootstrap), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout == "on\n"
    assert "has no spanwise installed, so it runs without" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "which program?"),
        (("--",), "which program?"),
        (("--", "no-such-program"), "there is no program 'no-such-program'"),
        (("--sample-rate", "7", "--", "python"), "--sample-rate='7' is out of range"),
        (("--", "python", "-I", "shop.py"), "python -I ignores PYTHONPATH"),
        (("--", "python", "-uS", "shop.py"), "python -S ignores PYTHONPATH"),
    ],
)
def test_wrong_use_is_one_line(start: Callable[..., Program], arguments: tuple[str, ...], message: str) -> None:
    program = start("", *arguments)
    assert program.process.wait(30) == 2
    lines = program.log.read_text().splitlines()
    assert len(lines) == 1 and message in lines[0]


def test_a_wrong_variable_is_said_before_the_program_starts(start: Callable[..., Program]) -> None:
    program = start("print('started')", "--", "python", "shop.py", OTEL_PROPAGATORS="jaeger")
    assert program.process.wait(30) == 2
    assert "started" not in program.log.read_text()
    assert "OTEL_PROPAGATORS names 'jaeger'" in program.log.read_text()


def test_the_program_s_own_arguments_and_exit_code_stay(start: Callable[..., Program]) -> None:
    program = start(
        "import flask, sys; flask.Flask('x'); print(sys.argv); sys.exit(7)",
        *("--", "python", "shop.py", "--service", "mine"),
    )
    assert program.process.wait(30) == 7
    assert "['shop.py', '--service', 'mine']" in program.log.read_text()
