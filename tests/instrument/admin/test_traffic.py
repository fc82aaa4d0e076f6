from __future__ import annotations

import json
import time

import pytest
from prometheus_client import Counter, Gauge, Histogram

from spanwise.diagnosis.failures import CALLED, Failure
from spanwise.standard import CIRCUIT_BREAKER_CALLS as CALLS
from spanwise.standard import CIRCUIT_BREAKER_STATE as STATE
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


def test_last_failures_have_their_time_and_trace(admin, calls):
    CALLED.note("bad<b>.example:443", Failure(time.time() - 90, "GET", "timeout", 2.0, "ab" * 16))
    found = json.loads(admin.fetch("/admin/clients/", accept=JSON).body)["downstream clients"][0]
    assert found["last_failures"][0]["trace_id"] == "ab" * 16
    assert "last failed 1 min 30 s ago: timeout" in admin.fetch("/admin/clients/").text
    assert "ab" * 16 in admin.fetch("/admin/clients/bad%3Cb%3E.example%3A443", accept=BROWSER).text


def test_breakers_are_shown_the_open_ones_first(admin, registry):
    states = Gauge(STATE.name, STATE.description, STATE.labels, registry=registry)
    counts = Counter(CALLS.name, CALLS.description, CALLS.labels, registry=registry)
    for name, state in (("good", 0), ("bad<b>", 2)):
        states.labels(name).set(state)
    counts.labels("bad<b>", "rejected").inc(3)
    found = json.loads(admin.fetch("/admin/clients/", accept=JSON).body)["breakers"]
    assert found == [
        {"name": "bad<b>", "state": "open", "calls": {"rejected": 3}},
        {"name": "good", "state": "closed", "calls": {}},
    ]
    assert "breaker bad<b> is open\n" in admin.fetch("/admin/clients/").text
    html = admin.fetch("/admin/clients/", accept=BROWSER).text
    assert "bad&lt;b&gt;" in html and "bad<b>" not in html


def test_recent_requests(admin):
    text = admin.fetch("/admin/exchanges?n=5").text
    assert text.count("\n") <= 5
    data = json.loads(admin.fetch("/admin/exchanges?failed=true", accept=JSON).body)["exchanges"]
    assert all(each["status"] >= 500 for each in data)
    assert admin.fetch("/admin/exchanges?n=0").status == 400
    assert admin.fetch("/admin/exchanges", accept=BROWSER).status == 200
