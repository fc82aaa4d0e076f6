"""The pages' modules that compute: formats, ticks, the span tree, colours. Evaluated in a real Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from spanwise.web import service_color
from tests.browser import Browser, Tab
from tests.collector.canned_collector import CannedCollector


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Tab]:
    canned = CannedCollector()
    with browser.open(f"{canned.url}/trace/not-an-id") as opened:
        yield opened
    canned.close()


def call(tab: Tab, module: str, function: str, *arguments: Any) -> Any:
    written = ", ".join(json.dumps(argument) for argument in arguments)
    return tab.evaluate(f"import('/static/{module}').then(module => module.{function}({written}))")


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (1, "1 ns"),
        (999, "999 ns"),
        (1_000, "1.00 µs"),
        (12_345, "12.3 µs"),
        (999_400, "999 µs"),
        (999_600, "1.00 ms"),
        (1_500_000, "1.50 ms"),
        (123_456_789, "123 ms"),
        (999_960_000, "1.00 s"),
        (59_940_000_000, "59.9 s"),
        (119_000_000_000, "119 s"),
        (125_000_000_000, "2 min 5 s"),
        (-1_500_000, "-1.50 ms"),
    ],
)
def test_a_duration_has_three_digits_and_its_unit(tab: Tab, ns: int, text: str) -> None:
    assert call(tab, "pages/time-format.js", "formatDuration", ns) == text


@pytest.mark.parametrize(
    ("start", "end", "most", "labels"),
    [
        (0, 100_000_000, 5, ["0", "20 ms", "40 ms", "60 ms", "80 ms", "100 ms"]),
        (0, 1_000_000, 4, ["0", "0.5 ms", "1.0 ms"]),
        (20_000_000, 31_000_000, 3, ["20 ms", "25 ms", "30 ms"]),
        (0, 7, 4, ["0", "2 ns", "4 ns", "6 ns"]),
        (0, 0, 4, ["0"]),
    ],
)
def test_an_axis_has_nice_steps(tab: Tab, start: int, end: int, most: int, labels: list[str]) -> None:
    assert [tick["label"] for tick in call(tab, "pages/time-format.js", "niceTicks", start, end, most)] == labels


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "now"), (5, "5 s ago"), (90, "1 min ago"), (7200, "2 h ago"), (4 * 86400, "4 d ago"), (-60, "in the future")],
)
def test_an_age_is_told_in_one_unit(tab: Tab, seconds: int, text: str) -> None:
    now_ms = 1_763_712_000_000
    time_ns = f"{(now_ms - seconds * 1000) * 1_000_000}n"
    assert tab.evaluate(f"import('/static/pages/time-format.js').then(m => m.formatAge({time_ns}, {now_ms}))") == text


def test_the_browser_gives_a_service_the_same_colour(tab: Tab) -> None:
    names = ["gateway", "catalog", "", "ünïcode-服务", "a" * 500, "🎵", *(f"service-{number}" for number in range(200))]
    module = "import('/static/look/service-color.js')"
    colors = tab.evaluate(f"{module}.then(module => {json.dumps(names)}.map(name => module.serviceColor(name)))")
    assert colors == [service_color(name) for name in names]


def test_a_tree_is_ordered_parents_first_and_counts_what_is_below(tab: Tab) -> None:
    def made(span_id: str, parent: str, start: int) -> dict[str, Any]:
        return {"span_id": span_id, "parent_span_id": parent, "start_unix_nano": str(start), "duration_ns": 10}

    spans = [made("c", "a", 30), made("b", "a", 20), made("a", "", 10), made("d", "b", 25), made("d", "b", 26)]
    tree = tab.evaluate(
        "import('/static/pages/span-tree.js').then(m => m.buildTree("
        + json.dumps(spans)
        + ").nodes.map(n => [n.span.span_id, n.depth, n.size, n.offset]))"
    )
    assert tree == [["a", 0, 4, 0], ["b", 1, 2, 10], ["d", 2, 0, 15], ["d", 2, 0, 16], ["c", 1, 0, 20]]
