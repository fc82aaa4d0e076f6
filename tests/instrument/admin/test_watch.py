from __future__ import annotations

import json
import time

import pytest

from spanwise.admin.builtin import watch
from spanwise.admin.sampler import SAMPLER, Sampler
from tests.instrument.admin.conftest import until

BROWSER = "text/html,*/*;q=0.8"
EVENTS = "text/event-stream;charset=UTF-8"


@pytest.fixture(autouse=True)
def fresh_sampler():
    SAMPLER._registry = None


def first_event(sock):
    received = b""
    while b"data: " not in received or not received.endswith(b"\n\n\r\n"):
        received += sock.recv(65536)
    return json.loads(received.partition(b"data: ")[2].partition(b"\n\n")[0])


def test_scripts_get_name_delta_and_value(admin, registry):
    asked = "/admin/metrics?m=orders_placed_total&m=nothing"
    got = admin.fetch(asked)
    assert got.text == '[{"name":"orders_placed_total","delta":0.0,"value":7.0}]\n'
    registry._names_to_collectors["orders_placed_total"].inc(3)
    [entry] = until(lambda: [each for each in json.loads(admin.fetch(asked).body) if each["value"] == 10])
    assert entry == {"name": "orders_placed_total", "delta": 3.0, "value": 10.0}


def test_the_registry_is_read_once_a_second_for_everybody(admin):
    sampler = Sampler()
    first, before = sampler.look(admin.process)
    again, _ = sampler.look(admin.process)
    assert before is None and again is first


def test_m_takes_patterns_and_filtered_leaves_the_runtime_out(admin):
    data = json.loads(admin.fetch("/admin/metrics.json?m=http_server_*.count&m=orders_placed_total").body)
    assert set(data) == {
        "http_server_request_duration_seconds/GET/%2Forders%2F{id}/200.count",
        "http_server_request_duration_seconds/POST/%2Forders/500.count",
        "orders_placed_total",
    }
    filtered = json.loads(admin.fetch("/admin/metrics.json?filtered=1").body)
    assert "http_server_active_requests/GET" not in filtered
    assert any(name.startswith("http_server_request_duration_seconds") for name in filtered)


def test_a_stream_sends_the_chosen_series(admin):
    with admin.connect() as sock:
        path = b"/admin/metrics/stream?m=orders_placed_total&m=http_server_active_requests/GET"
        sock.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        event = first_event(sock)
        assert event["values"] == {"orders_placed_total": 7, "http_server_active_requests/GET": 2}
        assert event["totals"] == ["orders_placed_total"]
        began = time.monotonic()
        assert b"data: " in sock.recv(65536)
        assert time.monotonic() - began < 5


def test_watchers_leave_threads_for_others(admin):
    request = b"GET /admin/metrics/stream?m=orders_placed_total HTTP/1.1\r\nHost: localhost\r\n\r\n"
    watchers = [admin.connect() for _ in range(watch._MOST_STREAMS)]
    try:
        for sock in watchers:
            sock.sendall(request)
            first_event(sock)
        got = admin.fetch("/admin/metrics/stream?m=orders_placed_total")
        assert got.headers["content-type"] == EVENTS
        assert got.body.count(b"data: ") == 1  # and the browser asks again
        assert admin.fetch("/admin/metrics.json").status == 200
    finally:
        for sock in watchers:
            sock.close()
    # who leaves makes room
    until(lambda: watch._streams._value == watch._MOST_STREAMS, 15)


def test_the_page_in_a_browser(admin, browser):
    url = f"{admin.server.url}/admin/metrics#orders_placed_total&http_server_active_requests%2FGET"
    with browser.open(url) as tab:
        tab.wait("document.querySelectorAll('.watch-card').length === 2")
        tab.wait("[...document.querySelectorAll('output')].some((each) => each.textContent === '2')")
        tab.wait(
            "document.querySelectorAll('.watch-card')[0].querySelector('.chart-line').getAttribute('d') !== null", 15
        )
        tab.click(".watch-name")
        tab.type("POST/%2Forders/500.count")
        tab.press("Enter")
        tab.wait("document.querySelectorAll('.watch-card').length === 3")
        assert tab.evaluate("location.hash").count("&") == 2
        tab.click(".watch-card .icon-button")
        tab.wait("document.querySelectorAll('.watch-card').length === 2")
        assert tab.errors == []
