from __future__ import annotations

import json
import re

import pytest

from spanwise.admin.messages import Tier
from spanwise.health import Check, Kind

BROWSER = "text/html,*/*;q=0.8"


@pytest.mark.parametrize("path", ["/", "/admin/"])
def test_the_way_in_leads_to_admin(admin, path):
    got = admin.fetch(path)
    assert (got.status, got.headers["location"], got.body) == (307, "/admin", b"")


def test_only_exactly_admin_slash_redirects(admin):
    assert admin.fetch("/admin/x").status == 404


def test_a_script_gets_one_line(admin):
    admin.process.health.lifecycle.started()
    got = admin.fetch("/admin")
    assert got.headers["content-type"] == "text/plain;charset=UTF-8"
    assert got.text == "checkout 1.4.2 is ready. Open this in a browser, or see /admin.json for what there is.\n"


def test_a_version_nobody_knows_is_not_mentioned(make_admin):
    assert make_admin(identity={"service.name": "a"}).fetch("/admin").text.startswith("a is starting. ")


def test_a_browser_gets_the_service_at_a_glance(admin):
    admin.process.health.lifecycle.started()
    html = admin.fetch("/admin", accept=BROWSER).text
    assert '<h1>checkout <span class="badge badge-success">ready</span></h1>' in html
    values = re.findall(r'class="stat-label">([^<]*)</div><div class="stat-value">([^<]*)<', html)
    shown = dict(values)
    assert (shown["requests"], shown["errors"], shown["in flight"], shown["uptime"]) == (
        "0.1/s",
        "10 %",
        "2",
        "1 min 40 s",
    )
    assert shown["p50"] == "18.3 ms"
    assert "<code>/orders/{id}</code>" in html


def test_nothing_on_the_page_is_inline_or_from_elsewhere(admin):
    html = admin.fetch("/admin", accept=BROWSER).text
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html)
    assert not re.search(r"<script(?![^>]*\ssrc=\"/)", html)
    assert set(re.findall(r'(?:src|href)="([a-z]+:|//)', html)) == set()
    for asset in re.findall(r'(?:src|href)="(/admin/static/[^"]+)"', html):
        assert admin.fetch(asset).status == 200, asset


def test_every_link_of_the_page_leads_somewhere(admin):
    html = admin.fetch("/admin", accept=BROWSER).text
    links = {link for link in re.findall(r'href="(/[^"]*)"', html) if "static" not in link}
    assert {"/metrics", "/readyz", "/admin/server_info"} <= links
    assert {link: status for link in links if (status := _status(admin, link)) not in (200, 503)} == {}


def _status(admin, path):
    """The shortest profile will do."""
    return admin.fetch(f"{path}?seconds=0.1" if "pprof" in path else path).status


def test_identity_and_routes_are_escaped(make_admin, registry):
    admin = make_admin(identity={"service.name": "<script>x</script>", "spanwise.owner": '"><b>'})
    admin.add("/admin/q", lambda _request: "", title="<i>title", group="<group>")
    html = admin.fetch("/admin", accept=BROWSER).text
    for raw in ("<script>x", '"><b>', "<i>title", "<group>"):
        assert raw not in html
    assert "&lt;i&gt;title" in html


def test_a_locked_page_says_so_to_who_needs_the_token(admin):
    admin.add("/admin/threads", lambda _request: "", title="Threads")
    admin.add("/admin/gc", lambda _request: "", title="Collect", tier=Tier.MUTATING, methods=("POST",))
    locked = ">token</span>"
    assert locked not in admin.fetch("/admin", accept=BROWSER).text
    html = admin.fetch("/admin", accept=BROWSER, x_forwarded_for="192.0.2.7").text
    threads = html[html.index('href="/admin/threads"') :].partition("</li>")[0]
    assert locked in threads
    ping = html[html.index('href="/admin/ping"') :].partition("</li>")[0]
    assert locked not in ping
    assert '<span>Collect</span><span class="badge">POST</span>' in html


def test_a_failing_check_is_on_the_page(admin):
    def down() -> None:
        raise ConnectionError("password=hunter2")

    admin.process.health.add(Check("database", Kind.READINESS, down, 1.0, 10.0))
    admin.process.health.start()
    page = ""
    for _ in range(100):
        page = admin.fetch("/admin", accept=BROWSER).text
        if "ConnectionError" in page:
            break
    assert "<strong>database</strong> readiness check fails: ConnectionError" in page
    assert "not ready" in page
    assert "hunter2" not in page


def test_a_service_without_requests_says_what_will_be_there(make_admin, registry):
    for collector in list(registry._collector_to_names):
        registry.unregister(collector)
    html = make_admin().fetch("/admin", accept=BROWSER).text
    assert "No requests yet" in html


def test_the_machine_index_lists_what_is_there(admin):
    data = json.loads(admin.fetch("/admin.json").body)
    assert data["identity"]["service.name"] == "checkout"
    assert data["state"] == "starting"
    by_path = {each["path"]: each for each in data["routes"] if "GET" in each["methods"]}
    assert by_path["/admin/metrics.json"] == {
        "path": "/admin/metrics.json",
        "methods": ["GET"],
        "tier": "open",
        "title": "Metrics as JSON",
        "group": "Metrics",
        "summary": "Every series as name and number, histograms as count, sum, average and percentiles;"
        " `pretty` also sorts",
        "parameters": ["pretty=true", "filtered=true", "period=60", "m=…"],
        "example": "curl 'localhost:9990/admin/metrics.json?pretty=true&m=http_server_*'",
    }
    assert {path: status for path in by_path if (status := _status(admin, path)) not in (200, 503)} == {}
