"""The flamegraph page in a browser: records, draws, zooms, searches, by mouse and by keyboard."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from spanwise.profiling.captures import CAPTURES
from spanwise.profiling.profile import CPU, SAMPLES, Profile
from spanwise.profiling.stacks import Frame
from tests.browser import Browser

MAIN, HOT, COLD = Frame("main", __file__, 1), Frame("hot", __file__, 5), Frame("cold", __file__, 9)


def profile(hot: int, cold: int) -> Profile:
    values = {((HOT, MAIN), ()): (hot, hot * 10**7), ((COLD, MAIN), ()): (cold, cold * 10**7)}
    return Profile("profile", (SAMPLES, CPU), "cpu", values, duration_ns=10**9, comments=("100 samples, 0 missed",))


@pytest.fixture
def url(admin: Any) -> Callable[[str], str]:
    return lambda query="": f"http://127.0.0.1:{admin.server.port}/admin/flamegraph{query}"


def boxes(tab: Any) -> list[str]:
    found: list[str] = tab.evaluate("[...document.querySelectorAll('.flame-box text')].map((each) => each.textContent)")
    return found


@pytest.fixture
def capture() -> str:
    return CAPTURES.keep(profile(70, 30)).id


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_it_draws_a_capture(browser: Browser, url: Any, capture: str, width: int, theme: str) -> None:
    with browser.open(url(f"?capture={capture}"), width=width, theme=theme) as tab:
        tab.wait("document.querySelectorAll('.flame-box').length === 4")
        assert boxes(tab) == ["all", "main", "cold", "hot"]
        widths = tab.evaluate("[...document.querySelectorAll('.flame-box rect')].map((r) => r.width.baseVal.value)")
        assert widths[3] / widths[1] == pytest.approx(0.7, abs=0.01)
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.evaluate("document.querySelector('#top tr button').textContent") == "hot"
        assert tab.errors == []


def test_keyboard_zoom_and_search(browser: Browser, url: Any, capture: str) -> None:
    with browser.open(url(f"?capture={capture}")) as tab:
        tab.wait("document.querySelectorAll('.flame-box').length === 4")
        tab.evaluate("document.getElementById('flame').focus()")
        tab.press("ArrowDown")  # main
        tab.press("ArrowDown")  # the widest of its calls
        assert "hot" in tab.evaluate("document.getElementById('detail').textContent")
        assert "70 % of all" in tab.evaluate("document.getElementById('detail').textContent")
        tab.press("ArrowLeft")
        assert tab.evaluate("document.querySelector('.flame-box.selected text').textContent") == "cold"
        tab.press("Enter")
        assert boxes(tab) == ["main", "all", "cold"]
        assert not tab.evaluate("document.getElementById('reset').disabled")
        tab.press("Escape")
        tab.press("Escape")
        assert boxes(tab) == ["all", "main", "cold", "hot"]
        tab.press("/")
        tab.type("hot")
        assert tab.evaluate("document.getElementById('found').textContent") == "70 % in what matches"
        assert tab.evaluate("document.querySelectorAll('.flame-box.match').length") == 1
        assert tab.errors == []


def test_mouse_and_the_difference_of_two(browser: Browser, url: Any, capture: str) -> None:
    other = CAPTURES.keep(profile(40, 60)).id
    with browser.open(url(f"?capture={other}&base={capture}")) as tab:
        tab.wait("document.querySelectorAll('.flame-box').length === 4")
        assert tab.evaluate("document.querySelector('.diff-more-3 text').textContent") == "cold"
        assert tab.evaluate("document.querySelector('.diff-less-3 text').textContent") == "hot"
        tab.click(".diff-more-3")
        assert "before 300 ms, 30 %" in tab.evaluate("document.getElementById('detail').textContent")
        tab.click("#reset")
        assert len(boxes(tab)) == 4
        assert tab.errors == []


@pytest.fixture
def busy() -> Iterator[None]:
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            sum(range(300))

    thread = threading.Thread(target=churn)
    thread.start()
    yield
    stop.set()
    thread.join(5)


def test_it_records(browser: Browser, url: Any, busy: None) -> None:
    with browser.open(url()) as tab:
        tab.wait("document.getElementById('shown').hidden !== document.getElementById('nothing').hidden")
        before = len(CAPTURES.all()) and CAPTURES.all()[0].id
        tab.evaluate("document.querySelector('[name=seconds]').value = 1")
        tab.click("#record [type=submit]")
        tab.wait("!document.getElementById('cancel').hidden")
        tab.wait("document.getElementById('cancel').hidden", 20)
        assert CAPTURES.all()[0].id != before
        tab.wait("[...document.querySelectorAll('.flame-box text')].some((each) => each.textContent.includes('churn'))")
        assert tab.evaluate("document.getElementById('error').hidden")
        assert tab.errors == []
