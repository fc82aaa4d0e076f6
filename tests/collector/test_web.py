"""Routes, headers and templates of the collector's pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

import spanwise_collector.web
from spanwise_collector.main import SERVICE
from spanwise_collector.web import blueprint
from spanwise_collector.web._pages import OWN_SERVICE

PAGES = ("/", "/trace/0af7651916cd43dd8448eb211c80319c", "/trace/not-an-id")
SOURCES = Path(spanwise_collector.web.__file__).parent


@pytest.fixture
def client() -> FlaskClient:
    app = Flask(__name__)
    app.register_blueprint(blueprint)
    return app.test_client()


@pytest.mark.parametrize("path", [*PAGES, "/static/pages/traces.js", "/static/look/base.css"])
def test_every_answer_forbids_what_is_not_ours(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"] == "default-src 'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_nothing_inline_and_nothing_from_elsewhere(client: FlaskClient, path: str) -> None:
    html = client.get(path).text
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", html)
    assert not re.search(r"(?:src|href)=\"(?!/|#|\?)", html)


@pytest.mark.parametrize("path", PAGES)
def test_every_file_a_page_names_is_served(client: FlaskClient, path: str) -> None:
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', client.get(path).text)
    assert len(files) >= 5
    assert [name for name in files if client.get(name).status_code != 200] == []


def test_every_module_a_script_imports_is_served(client: FlaskClient) -> None:
    imported = set()
    for script in (SOURCES / "static").glob("*.js"):
        imported |= set(re.findall(r'from "([^"]+)"', script.read_text()))
    assert len(imported) > 5
    for module in imported:
        path = f"/static/pages/{module[2:]}" if module.startswith("./") else f"/static/{module[3:]}"
        answer = client.get(path)
        assert answer.status_code == 200, module
        assert "javascript" in answer.mimetype


def test_no_script_makes_markup_out_of_text() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|setHTML"
    )
    scripts = list((SOURCES / "static").glob("*.js"))
    assert scripts
    assert [script.name for script in scripts if forbidden.search(script.read_text())] == []


def test_files_outside_the_static_folders_are_not_served(client: FlaskClient) -> None:
    for path in ("/static/pages/../_pages.py", "/static/look/../page.html", "/static/pages/..%2f_pages.py"):
        assert client.get(path).status_code == 404


def test_an_address_that_is_no_trace_id_is_a_404_that_escapes_it(client: FlaskClient) -> None:
    answer = client.get("/trace/<script>alert(1)<%2fscript>")
    assert answer.status_code == 404
    answer = client.get("/trace/<img src=x>")
    assert answer.status_code == 404
    assert "<img src=x>" not in answer.text
    assert "&lt;img src=x&gt;" in answer.text
    assert "32 hexadecimal digits" in answer.text


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("0AF7651916CD43DD8448EB211C80319C", "0af7651916cd43dd8448eb211c80319c"),
        ("8448eb211c80319c", "00000000000000008448eb211c80319c"),
    ],
)
def test_a_trace_has_one_address(client: FlaskClient, given: str, written: str) -> None:
    answer = client.get(f"/trace/{given}")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/trace/{written}"


def test_the_pages_know_the_collectors_own_service_by_its_name() -> None:
    assert OWN_SERVICE == SERVICE


def test_the_pages_work_below_a_prefix() -> None:
    app = Flask(__name__)
    app.register_blueprint(blueprint, url_prefix="/spans")
    html = app.test_client().get("/spans/").text
    assert 'src="/spans/static/pages/traces.js"' in html
    assert 'href="/spans/static/look/base.css"' in html


def test_a_newcomer_is_told_this_collectors_own_address(client: FlaskClient) -> None:
    html = client.get("/", base_url="http://collector.test:9411").text
    assert "SPANWISE_COLLECTOR_URL=<span data-origin>http://collector.test:9411</span>" in html
    assert (
        "spanwise.instrument(app, service=&#34;hello&#34;)" in html
        or 'spanwise.instrument(app, service="hello")' in html
    )
