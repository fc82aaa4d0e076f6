from __future__ import annotations

import json

import pytest
from prometheus_client import Histogram

from spanwise.standard import HTTP_CLIENT_REQUEST_DURATION as ROW

BROWSER = "text/html,*/*;q=0.8"
JSON = "application/json"


@pytest.fixture
def calls(registry):
    calls = Histogram(ROW.name, ROW.description, ROW.labels, buckets=ROW.buckets, registry=registry)

    def call(method, address, status="200", fault="", took_s=0.02):
        given = {"http_request_method": method, "server_address": address, "http_response_status_code": status}
        labels = dict.fromkeys(ROW.labels, "443") | given | {"error_type": fault}
        calls.labels(**labels).observe(took_s)

    for _ in range(10):
        call("GET", "good.example")
        call("GET", "slow.example", took_s=2)
    for _ in range(8):
        call("GET", "bad<b>.example")
    call("GET", "bad<b>.example", "", "timeout")
    call("POST", "bad<b>.example", "503", "503")
    return calls


def test_the_least_healthy_is_first(admin, calls):
    found = json.loads(admin.fetch("/admin/clients/", accept=JSON).body)["downstream clients"]
    assert [each["name"] for each in found] == ["bad<b>.example:443", "slow.example:443", "good.example:443"]
    worst = found[0]
    assert (worst["requests"], worst["failed"], worst["success"]) == (10, 2, 0.8)
    assert {(each["reason"], each["count"]) for each in worst["failures"]} == {("timeout", 1), ("503", 1)}


def test_pages_and_text(admin, calls):
    html = admin.fetch("/admin/clients/", accept=BROWSER).text
    assert "bad&lt;b&gt;.example" in html and "bad<b>" not in html
    assert admin.fetch("/admin/clients/").text.splitlines()[0].split()[:2] == ["80", "%"]
    one = admin.fetch("/admin/clients/bad%3Cb%3E.example%3A443", accept=BROWSER)
    assert one.status == 200 and "timeout" in one.text
    assert admin.fetch("/admin/clients/nobody").status == 404


def test_routes_are_shown_alike(admin):
    found = json.loads(admin.fetch("/admin/servers/", accept=JSON).body)["routes served"]
    assert [each["name"] for each in found] == ["POST /orders", "GET /orders/{id}"]
    assert found[0]["failures"] == [{"method": "POST", "reason": "500", "count": 1}]
    assert admin.fetch("/admin/servers/POST%20%2Forders", accept=BROWSER).status == 200


def test_without_calls_the_page_says_so(admin):
    assert admin.fetch("/admin/clients/").text == "none yet\n"
