"""The page of one trace, in a real Chromium."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import Browser, Tab
from tests.collector.canned_collector import MS, CannedCollector, attribute, span, trace_id

XSS = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>\'"&'
ROWS = "[...document.querySelectorAll('.span-row')].sort((a, b) => a.dataset.index - b.dataset.index)"
NAMES = f"{ROWS}.map(row => row.querySelector('.span-name').textContent)"
SELECTED = "document.querySelector('.span-row[aria-selected=true] .span-name')?.textContent"
STACK = 'Traceback (most recent call last):\n  File "app.py", line 3, in charge\nCardDeclined: no'


@pytest.fixture(scope="module")
def running() -> Iterator[CannedCollector]:
    canned = CannedCollector()
    yield canned
    canned.close()


@pytest.fixture
def collector(running: CannedCollector) -> CannedCollector:
    running.clear()
    return running


def family() -> list[dict[str, Any]]:
    """A root with two children, the first of which has one child of its own."""
    return [
        span(1, name="root", duration_ms=100),
        span(2, 1, name="first", start_ms=10, duration_ms=40, service="catalog"),
        span(3, 2, name="grandchild", start_ms=20, duration_ms=10, service="catalog"),
        span(4, 1, name="second", start_ms=60, duration_ms=30, service="orders", error="declined"),
    ]


def wait_for_rows(tab: Tab, *names: str) -> None:
    tab.wait(f"JSON.stringify({NAMES}) === {json.dumps(json.dumps(list(names), separators=(',', ':')))}")


def text(tab: Tab, selector: str) -> str:
    found: str = tab.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")
    return found


def test_the_waterfall_shows_the_tree_and_the_heading_sums_it_up(browser: Browser, collector: CannedCollector) -> None:
    with browser.open(collector.add(*family())) as tab:
        wait_for_rows(tab, "root", "first", "grandchild", "second")
        assert tab.evaluate(f"{ROWS}.map(row => row.ariaLevel)") == ["1", "2", "3", "2"]
        assert tab.evaluate(f"{ROWS}.map(row => row.querySelector('.bar').style.left)") == ["0%", "10%", "20%", "60%"]
        assert tab.evaluate(f"{ROWS}.map(row => row.querySelector('.bar').style.width)") == [
            "100%",
            "40%",
            "10%",
            "30%",
        ]
        assert text(tab, "h1").split() == ["gateway", "root"]
        facts = text(tab, "#trace-facts")
        for expected in ("100 ms", "1 error", "catalog", "orders", trace_id(1), "JSON"):
            assert expected in facts
        assert tab.evaluate("document.title") == "gateway: root · Spanwise"
        assert tab.errors == []


def test_the_keyboard_walks_opens_and_closes_the_tree(browser: Browser, collector: CannedCollector) -> None:
    with browser.open(collector.add(*family())) as tab:
        wait_for_rows(tab, "root", "first", "grandchild", "second")
        walk = [("ArrowDown", "root"), ("ArrowDown", "first"), ("ArrowRight", "grandchild"), ("ArrowLeft", "first")]
        walk += [("End", "second"), ("Home", "root"), ("ArrowUp", "root"), ("ArrowDown", "first")]
        for key, selected in walk:
            tab.press(key)
            assert tab.evaluate(SELECTED) == selected, key
        tab.press("ArrowLeft")
        wait_for_rows(tab, "root", "first", "second")
        assert tab.evaluate("document.querySelector('[aria-selected=true]').ariaExpanded") == "false"
        assert "+1" in text(tab, "[aria-selected=true] .twisty")
        tab.press("ArrowRight")
        wait_for_rows(tab, "root", "first", "grandchild", "second")
        outline = "getComputedStyle(document.querySelector('[aria-selected=true]')).outlineStyle"
        assert tab.evaluate(outline) == "solid"
        tab.press("Enter")
        assert tab.evaluate("document.activeElement.id") == "span-details"
        tab.press("Escape")
        assert tab.evaluate("document.getElementById('span-details').hidden")
        assert tab.evaluate("document.activeElement.getAttribute('role')") == "tree"


def test_the_details_hold_everything_of_a_span(browser: Browser, collector: CannedCollector) -> None:
    nested = [{"key": "a", "type": "int", "value": "1"}, {"key": "b", "type": "array", "value": [attribute("", "x")]}]
    attributes = [
        attribute("http.route", "/charge"),
        attribute("retries", "9007199254740993", "int"),
        attribute("hit", False, "bool"),
        attribute("ratio", 0.5, "double"),
        attribute("raw", "aGVsbG8=", "bytes"),
        attribute("deep", nested, "map"),
        attribute("nothing", None, "empty"),
    ]
    exception = {
        "time_unix_nano": str(1_763_712_000_000_000_000 + 15 * MS),
        "name": "exception",
        "attributes": [attribute("exception.stacktrace", STACK)],
        "dropped_attributes_count": 2,
    }
    link = {
        "trace_id": trace_id(99),
        "span_id": "b" * 16,
        "trace_state": "",
        "flags": 1,
        "attributes": [],
        "dropped_attributes_count": 0,
    }
    resource = {"attributes": [attribute("service.version", "1.4.2")], "dropped_attributes_count": 0, "schema_url": ""}
    given = {
        "attributes": attributes,
        "events": [exception],
        "links": [link],
        "resource": resource,
        "adjusted_count": 10.0,
    }
    address = collector.add(
        span(1, error="card declined", name="POST /charge", duration_ms=80, trace_state="ot=th:e6", **given)
    )
    with browser.open(f"{address}#{1:016x}") as tab:
        tab.wait("!document.getElementById('span-details').hidden")
        tab.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        shown = text(tab, "#span-details")
        for expected in (
            *("POST /charge", "server", "status error", "card declined", "80.0 ms", "sampled, stands for 10 like it"),
            *(f"{1:016x}", "ot=th:e6", "none: a root", "/charge", "9007199254740993", "false", "0.5", "aGVsbG8="),
            *('{a: 1, b: ["x"]}', "(no value)", "1.4.2", "spanwise 0.1.0", "+15.0 ms", "2 attributes dropped"),
        ):
            assert expected in shown, expected
        for kind in ("int", "bool", "double", "bytes", "map", "empty"):
            assert kind in shown.split()
        assert tab.evaluate("document.querySelector('pre.stack-trace').textContent") == STACK
        href = tab.evaluate("document.querySelector('.span-event a').getAttribute('href')")
        assert href == f"/trace/{trace_id(99)}#{'b' * 16}"


def test_a_span_has_an_address_of_its_own(browser: Browser, collector: CannedCollector) -> None:
    address = collector.add(*family())
    with browser.open(f"{address}#{3:016x}") as tab:
        tab.wait(f"{SELECTED} === 'grandchild'")
        tab.click("#row-3")
        assert tab.evaluate("location.hash") == f"#{4:016x}"
        tab.click("#span-details a.mono")  # its parent
        tab.wait(f"{SELECTED} === 'root'")


def test_missing_parents_and_several_roots_are_shown_as_they_are(browser: Browser, collector: CannedCollector) -> None:
    spans = [
        span(1, name="root"),
        span(2, 77, name="orphan", start_ms=2),
        span(3, 2, name="below the orphan", start_ms=3),
        span(4, name="another root", start_ms=4),
        span(5, 6, name="loop a", start_ms=5),
        span(6, 5, name="loop b", start_ms=6),
    ]
    with browser.open(collector.add(*spans)) as tab:
        wait_for_rows(tab, "root", "orphan", "below the orphan", "another root", "loop a", "loop b")
        assert tab.evaluate(f"{ROWS}.map(row => row.querySelector('.badge')?.textContent ?? '')") == [
            *("", "parent missing", "", "", "parent loop", ""),
        ]
        facts = text(tab, "#trace-facts")
        assert "1 without their parent" in facts
        assert "2 roots" in facts


def test_text_from_spans_stays_text(browser: Browser, collector: CannedCollector) -> None:
    event = {
        "time_unix_nano": str(1_763_712_000_000_000_000),
        "name": XSS,
        "attributes": [attribute(XSS, XSS)],
        "dropped_attributes_count": 0,
    }
    link = {
        "trace_id": XSS,
        "span_id": XSS,
        "trace_state": XSS,
        "flags": 1,
        "attributes": [],
        "dropped_attributes_count": 0,
    }
    evil = {"service": XSS, "name": XSS, "kind": XSS, "trace_state": XSS, "error": XSS}
    lists = {
        "attributes": [attribute(XSS, XSS), attribute("url.full", "javascript:window.pwned=1")],
        "events": [event],
        "links": [link],
    }
    with browser.open(collector.add(span(1, **evil, **lists))) as tab:
        wait_for_rows(tab, XSS)
        tab.click("#row-0")
        tab.wait("!document.getElementById('span-details').hidden")
        assert tab.evaluate("document.querySelectorAll('#trace img, #trace script').length") == 0
        assert tab.evaluate("[...document.links].every(link => link.protocol === 'http:')")
        assert tab.evaluate("window.pwned") is None
        assert tab.errors == []


def test_five_thousand_spans_keep_the_document_small(browser: Browser, collector: CannedCollector) -> None:
    spans = [span(1, name="root", duration_ms=9000)]
    spans += [span(n, n // 3 + 1, name=f"span {n}", start_ms=n, duration_ms=5) for n in range(2, 5001)]
    with browser.open(collector.add(*spans)) as tab:
        tab.wait("document.querySelectorAll('.span-row').length > 10", timeout_s=20)
        assert tab.evaluate("document.querySelectorAll('.span-row').length") < 100
        tab.press("ArrowDown")
        tab.press("End")
        assert tab.evaluate("document.querySelector('[aria-selected=true]').dataset.index") == "4999"
        assert tab.evaluate("document.querySelectorAll('.span-row').length") < 100
        inside = "document.querySelector('[aria-selected=true]').getBoundingClientRect().bottom <= innerHeight"
        assert tab.evaluate(inside)


def test_a_chain_of_three_thousand_calls_is_drawn(browser: Browser, collector: CannedCollector) -> None:
    spans = [span(n, n - 1, name=f"call {n}", start_ms=n, duration_ms=4000 - n) for n in range(1, 3001)]
    with browser.open(collector.add(*spans)) as tab:
        tab.wait("document.querySelectorAll('.span-row').length > 10", timeout_s=20)
        tab.press("ArrowDown")
        tab.press("End")
        assert tab.evaluate(SELECTED) == "call 3000"
        assert tab.errors == []


def test_labels_never_leave_their_lane(browser: Browser, collector: CannedCollector) -> None:
    spans = [span(n, 1 if n > 1 else 0, start_ms=(n - 1) * 9, duration_ms=100 - (n - 1) * 9) for n in range(1, 12)]
    spans += [span(20 + n, 1, start_ms=n * 10, duration_ms=0.123) for n in range(10)]
    overflowing = f"""{ROWS}.filter(row => {{
        const lane = row.querySelector('.lane').getBoundingClientRect();
        const label = row.querySelector('.bar-label').getBoundingClientRect();
        return label.left < lane.left - 1 || label.right > lane.right + 1;
    }}).length"""
    for width in (390, 1280):
        with browser.open(collector.add(*spans), width=width) as tab:
            tab.wait("document.querySelectorAll('.bar-label').length > 10")
            assert tab.evaluate(overflowing) == 0
        collector.traces.clear()


def test_dragging_over_the_overview_looks_at_a_part(browser: Browser, collector: CannedCollector) -> None:
    with browser.open(collector.add(*family())) as tab:
        wait_for_rows(tab, "root", "first", "grandchild", "second")
        box = tab.evaluate(
            "(({ x, y, width }) => [x, y, width])(document.getElementById('minimap').getBoundingClientRect())"
        )
        x, y, width = box
        tab.point(x + width / 2, y + 40)
        mouse = {"button": "left", "clickCount": 1, "y": y + 40}
        tab.command("Input.dispatchMouseEvent", type="mousePressed", x=x + width * 0.6, **mouse)
        tab.command("Input.dispatchMouseEvent", type="mouseMoved", x=x + width * 0.8, y=y + 40, button="left")
        tab.command("Input.dispatchMouseEvent", type="mouseReleased", x=x + width * 0.99, **mouse)
        tab.wait(f"{ROWS}[1].querySelector('.beyond-left') !== null")  # "first" ended before that part
        tab.click(".minimap-reset")
        tab.wait(f"{ROWS}[1].querySelector('.bar') !== null")
        tab.click("#row-3")
        tab.press("z")  # the same by keyboard: only the time of the selected span
        tab.wait(f"{ROWS}[1].querySelector('.beyond-left') !== null")
        assert not tab.evaluate("document.querySelector('.brush').hidden")
        tab.press("0")
        tab.wait(f"{ROWS}[1].querySelector('.bar') !== null")


def test_a_trace_that_is_not_there_yet_is_waited_for(browser: Browser, collector: CannedCollector) -> None:
    with browser.open(f"{collector.url}/trace/{trace_id(1)}") as tab:
        tab.wait("document.getElementById('missing-title').textContent === 'This trace is not here, or not yet'")
        collector.add(*family())
        wait_for_rows(tab, "root", "first", "grandchild", "second")
        assert tab.evaluate("document.getElementById('missing').hidden")


def test_after_ten_seconds_it_says_that_there_is_no_such_trace(browser: Browser, collector: CannedCollector) -> None:
    with browser.open(f"{collector.url}/trace/{trace_id(1)}") as tab:
        tab.wait("/Looking again for (10|9) s/.test(document.getElementById('missing-text').textContent)")
        tab.evaluate("void (Date.now = (now => () => now() + 7000)(Date.now))")  # seven seconds go by
        assert "Looking again" in text(tab, "#missing-text")
        tab.wait("document.getElementById('missing-title').textContent === 'There is no such trace'")
        assert "sampled" in text(tab, "#missing-text")
        collector.add(*family())
        tab.click("#look-again")
        wait_for_rows(tab, "root", "first", "grandchild", "second")


def test_spans_that_come_late_are_added(browser: Browser, collector: CannedCollector) -> None:
    now = time.time_ns() - 100 * MS
    address = collector.add(span(2, 1, at=now, start_ms=10, name="child"))
    with browser.open(f"{address}#{2:016x}") as tab:
        wait_for_rows(tab, "child")
        assert "without their parent" in text(tab, "#trace-facts")
        collector.add(span(1, at=now, name="root", duration_ms=90))
        wait_for_rows(tab, "root", "child")
        assert tab.evaluate(SELECTED) == "child"
        assert "without their parent" not in text(tab, "#trace-facts")


def test_an_answer_that_is_an_error_is_shown(browser: Browser, collector: CannedCollector) -> None:
    collector.failing = True
    with browser.open(f"{collector.url}/trace/{trace_id(1)}") as tab:
        tab.wait("document.getElementById('missing-text').textContent === 'the store is away; it is tried again'")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_window_in_both_themes(
    browser: Browser, collector: CannedCollector, theme: str, width: int
) -> None:
    long = {"service": "s" * 120, "name": "GET /" + "very/" * 80, "attributes": [attribute("k" * 90, "v" * 900)]}
    with browser.open(collector.add(*family(), span(9, 1, start_ms=50, **long)), width=width, theme=theme) as tab:
        tab.wait("document.querySelectorAll('.span-row').length === 5")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        tab.evaluate("document.querySelectorAll('.span-row')[3].click()")
        tab.wait("!document.getElementById('span-details').hidden")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        details = "document.getElementById('span-details')"
        assert tab.evaluate(f"{details}.scrollWidth <= {details}.clientWidth")
        selected = "document.querySelector('[aria-selected=true]').getBoundingClientRect()"
        assert tab.evaluate(f"{selected}.top >= 0 && {selected}.bottom <= innerHeight")
        dark = tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 21)"
        assert dark == (theme == "dark")
        assert tab.errors == []


def test_the_critical_path_is_marked_and_summed_up(browser: Browser, collector: CannedCollector) -> None:
    with browser.open(collector.add(*family())) as tab:
        wait_for_rows(tab, "root", "first", "grandchild", "second")
        marks = "row => [...row.querySelectorAll('.critical')].map(mark => mark.style.left + ' ' + mark.style.width)"
        assert tab.evaluate(f"{ROWS}.map({marks})") == [
            ["0% 10%", "50% 10%", "90% 10%"],
            ["10% 10%", "30% 20%"],
            ["20% 10%"],
            ["60% 30%"],
        ]
        heading = text(tab, "#trace-facts")
        assert "Waited for" in heading
        assert heading.index("catalog\n40.0 ms") < heading.index("gateway\n30.0 ms")
        tab.press("ArrowDown")
        tab.wait("!document.getElementById('span-details').hidden")
        assert "Waited for\n30.0 ms 30.0 % of the trace" in text(tab, "#span-details")
        assert "clock skew" not in heading


def test_a_skewed_clock_is_said_and_its_bar_stands_where_it_was_written(
    browser: Browser, collector: CannedCollector
) -> None:
    skewed = span(2, 1, name="call", start_ms=100, duration_ms=50, service="catalog")
    with browser.open(collector.add(span(1, name="root", duration_ms=100), skewed)) as tab:
        wait_for_rows(tab, "root", "call")
        assert "clock skew" in text(tab, "#trace-facts")
        lane = "document.querySelectorAll('.span-row')[1]"
        assert tab.evaluate(f"{lane}.querySelector('.bar').style.left") == tab.evaluate(
            f"{lane}.querySelector('.critical').style.left"
        )
        assert tab.errors == []
