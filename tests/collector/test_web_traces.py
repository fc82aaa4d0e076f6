"""The page of the newest traces, in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.browser import Browser, Tab
from tests.collector.canned_collector import CannedCollector

XSS = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>\'"&'
NAMES = "[...document.querySelectorAll('.trace-name')].map(node => node.textContent)"


@pytest.fixture(scope="module")
def running() -> Iterator[CannedCollector]:
    canned = CannedCollector()
    yield canned
    canned.close()


@pytest.fixture
def collector(running: CannedCollector) -> CannedCollector:
    running.clear()
    return running


def rows(tab: Tab) -> list[str]:
    names: list[str] = tab.evaluate(NAMES)
    return names


def wait_for_rows(tab: Tab, *names: str) -> None:
    tab.wait(f"JSON.stringify({NAMES}) === JSON.stringify({list(names)!r})")


def test_a_new_trace_appears_without_a_click(browser: Browser, collector: CannedCollector) -> None:
    with browser.open(f"{collector.url}/") as tab:
        tab.wait("!document.getElementById('first-trace').hidden")
        assert f"SPANWISE_COLLECTOR_URL={collector.url}" in tab.evaluate("document.body.innerText")
        collector.add_request(1, name="GET /first")
        wait_for_rows(tab, "GET /first")
        collector.add_request(2, name="GET /second")
        wait_for_rows(tab, "GET /second", "GET /first")
        assert tab.evaluate("document.getElementById('first-trace').hidden")
        assert tab.errors == []


def test_the_collectors_own_traces_are_no_first_trace(browser: Browser, collector: CannedCollector) -> None:
    collector.add_request(1, service="spanwise-collector", name="GET /", seconds_ago=3)
    with browser.open(f"{collector.url}/") as tab:
        tab.wait("!document.getElementById('first-trace').hidden")
        assert tab.evaluate("document.getElementById('trace-table').hidden")
        tab.click("#own-traces a")
        tab.wait("location.search === '?service=spanwise-collector'")
        wait_for_rows(tab, "GET /")
        tab.click("#clear-filters")
        tab.wait("!document.getElementById('first-trace').hidden")
        collector.add_request(2, name="GET /albums")
        wait_for_rows(tab, "GET /albums", "GET /")
        tab.wait("!document.getElementById('trace-table').hidden")
        assert tab.errors == []


def test_the_page_asks_as_a_caller_that_is_not_sampled(browser: Browser, collector: CannedCollector) -> None:
    with browser.open(f"{collector.url}/") as tab:
        tab.wait("!document.getElementById('first-trace').hidden")
    asked = [headers["Traceparent"] for headers in collector.headers]
    assert len(asked) >= 3
    assert all(re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", one) for one in asked)
    assert len(set(asked)) == len(asked)


def test_a_growing_trace_changes_its_row_in_place(browser: Browser, collector: CannedCollector) -> None:
    collector.add_request(1, name="GET /slow")
    with browser.open(f"{collector.url}/") as tab:
        wait_for_rows(tab, "GET /slow")
        tab.evaluate("void (document.querySelector('.trace-row').marked = true)")
        collector.add_request(1, name="SELECT", error="locked", parent_span_id="1" * 16)
        tab.wait("document.querySelector('.trace-spans').textContent === '2'")
        assert tab.evaluate("document.querySelector('.trace-row').marked") is True
        assert tab.evaluate("document.querySelector('.trace-errors').textContent") == "1 error"


def test_text_from_spans_stays_text(browser: Browser, collector: CannedCollector) -> None:
    collector.add_request(1, service=XSS, name=XSS)
    with browser.open(f"{collector.url}/") as tab:
        wait_for_rows(tab, XSS)
        tab.wait("document.querySelectorAll('.service-button').length === 1")
        assert tab.evaluate("document.querySelector('.service-button').value") == XSS
        assert tab.evaluate("document.querySelectorAll('#traces img, #traces script').length") == 0
        assert tab.evaluate("window.pwned") is None
        assert tab.errors == []


def test_what_the_pointer_is_on_does_not_move(browser: Browser, collector: CannedCollector) -> None:
    collector.add_request(1, name="GET /first", seconds_ago=5)
    with browser.open(f"{collector.url}/") as tab:
        wait_for_rows(tab, "GET /first")
        row = "document.querySelector('.trace-row').getBoundingClientRect()"
        x, y = tab.evaluate(f"[{row}.x + 40, {row}.y + 9]")
        tab.point(x, y)
        collector.add_request(2, name="GET /second")
        tab.wait("!document.getElementById('new-traces').hidden")
        assert rows(tab) == ["GET /first"]
        assert tab.evaluate(f"document.elementFromPoint({x}, {y}).closest('.trace-row') !== null")
        assert "1 new trace" in tab.evaluate("document.getElementById('new-traces').textContent")
        tab.point(2, 2)
        wait_for_rows(tab, "GET /second", "GET /first")


def test_pausing_holds_the_list_and_resuming_shows_what_came(browser: Browser, collector: CannedCollector) -> None:
    collector.add_request(1, name="GET /first", seconds_ago=5)
    with browser.open(f"{collector.url}/") as tab:
        wait_for_rows(tab, "GET /first")
        tab.click("#live-button")
        tab.wait("document.getElementById('live-label').textContent === 'Paused'")
        asked = len(collector.queries)
        collector.add_request(2, name="GET /second")
        tab.evaluate("new Promise(done => setTimeout(done, 1600))")  # more than one interval
        assert rows(tab) == ["GET /first"]
        assert len(collector.queries) <= asked + 1  # one may have been under way
        tab.click("#live-button")
        wait_for_rows(tab, "GET /second", "GET /first")


def test_a_collector_that_fails_is_named_and_its_return_noticed(browser: Browser, collector: CannedCollector) -> None:
    collector.add_request(1, name="GET /first", seconds_ago=5)
    with browser.open(f"{collector.url}/") as tab:
        wait_for_rows(tab, "GET /first")
        collector.failing = True
        tab.wait("!document.getElementById('problem').hidden")
        assert "the store is away; it is tried again" in tab.evaluate(
            "document.getElementById('problem-text').textContent"
        )
        assert "Trying again" in tab.evaluate("document.getElementById('problem-text').textContent")
        assert rows(tab) == ["GET /first"]
        collector.failing = False
        collector.add_request(2, name="GET /second")
        tab.click("#retry")
        wait_for_rows(tab, "GET /second", "GET /first")
        assert tab.evaluate("document.getElementById('problem').hidden")


def test_filters_are_in_the_address_and_come_from_it(browser: Browser, collector: CannedCollector) -> None:
    collector.add_request(1, service="orders", name="POST /orders", error="declined", seconds_ago=2)
    collector.add_request(2, service="catalog", name="GET /albums", seconds_ago=1)
    with browser.open(f"{collector.url}/") as tab:
        wait_for_rows(tab, "GET /albums", "POST /orders")
        tab.click(".service-button[value=orders]")
        wait_for_rows(tab, "POST /orders")
        assert tab.evaluate("location.search") == "?service=orders"
        assert tab.evaluate("document.querySelector('.service-button[aria-pressed=true]').value") == "orders"
    with browser.open(f"{collector.url}/?error=true&min_duration=1ms") as tab:
        wait_for_rows(tab, "POST /orders")
        assert tab.evaluate("document.querySelector('[name=error]').checked") is True
        last = collector.queries[-1]
        assert (last["error"], last["min_duration"]) == ("true", "1ms")
        tab.click("#clear-filters")
        wait_for_rows(tab, "GET /albums", "POST /orders")
        assert tab.evaluate("location.search") == ""


def test_a_filter_that_matches_nothing_says_so(browser: Browser, collector: CannedCollector) -> None:
    collector.add_request(1)
    with browser.open(f"{collector.url}/?service=nobody") as tab:
        tab.wait("!document.getElementById('no-match').hidden")
        assert tab.evaluate("document.getElementById('first-trace').hidden")
        assert tab.evaluate("document.querySelector('[name=service]').value") == "nobody"


def test_older_traces_are_one_button_away(browser: Browser, collector: CannedCollector) -> None:
    for number in range(1, 71):
        collector.add_request(number, name=f"GET /{number}", seconds_ago=number)
    with browser.open(f"{collector.url}/") as tab:
        tab.wait("document.querySelectorAll('.trace-row').length === 50")
        tab.evaluate("document.getElementById('older').scrollIntoView()")
        tab.click("#older")
        tab.wait("document.querySelectorAll('.trace-row').length === 70")
        assert rows(tab) == [f"GET /{number}" for number in range(1, 71)]
        assert tab.evaluate("document.getElementById('older').hidden")
        assert tab.evaluate("document.getElementById('live-label').textContent") == "Paused"


def test_the_bars_are_scaled_to_the_longest_trace(browser: Browser, collector: CannedCollector) -> None:
    collector.add_request(1, name="half", duration_ms=50, seconds_ago=1)
    collector.add_request(2, name="longest", duration_ms=100)
    with browser.open(f"{collector.url}/") as tab:
        wait_for_rows(tab, "longest", "half")
        assert tab.evaluate("[...document.querySelectorAll('.trace-bar')].map(bar => bar.style.width)") == [
            "100%",
            "50%",
        ]


def test_arrow_keys_walk_the_rows_and_enter_opens_one(browser: Browser, collector: CannedCollector) -> None:
    for number in (1, 2):
        collector.add_request(number, name=f"GET /{number}", seconds_ago=number)
    with browser.open(f"{collector.url}/") as tab:
        wait_for_rows(tab, "GET /1", "GET /2")
        tab.evaluate("document.querySelector('.trace-row').focus()")
        tab.press("ArrowDown")
        assert tab.evaluate("document.activeElement.querySelector('.trace-name').textContent") == "GET /2"
        tab.press("Enter")
        tab.wait(f"location.pathname === '/trace/{2:032x}'")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_window_in_both_themes(
    browser: Browser, collector: CannedCollector, theme: str, width: int
) -> None:
    with browser.open(f"{collector.url}/", width=width, theme=theme) as tab:
        tab.wait("!document.getElementById('first-trace').hidden")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        collector.add_request(1, service="s" * 120, name="GET /" + "very/" * 80, error="no")
        collector.add_request(2, service=XSS * 3, name="word" * 90, duration_ms=123_456_789)
        tab.wait("document.querySelectorAll('.service-button').length === 2")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        dark = tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 21)"
        assert dark == (theme == "dark")
        assert tab.errors == []


def test_the_theme_button_is_remembered(browser: Browser, collector: CannedCollector) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    with browser.open(f"{collector.url}/", theme="light") as tab:
        light = tab.evaluate(background)
        tab.click("[data-theme-toggle]")
        assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
        assert tab.evaluate(background) != light
        tab.go(f"{collector.url}/")
        assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
        tab.click("[data-theme-toggle]")
        assert tab.evaluate("document.documentElement.dataset.theme") is None
        assert tab.evaluate("localStorage.length") == 0
