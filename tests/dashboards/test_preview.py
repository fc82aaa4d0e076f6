"""Previews: drawn from a real Prometheus, looked at in a real Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spanwise.command import main
from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.preview import write_previews
from spanwise_dashboards.preview.data import Window
from spanwise_dashboards.preview.numbers import axis_step, rounded_axis, shown
from spanwise_dashboards.prometheus import Prometheus
from tests.browser import Browser

END_S = 1_760_000_000 // 15 * 15


@pytest.fixture(scope="module")
def folder(prometheus: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("preview")
    documents = [board.to_json() for board in all_boards()]
    chosen = {"service_name": "gateway", "other_service_name": "catalog"}
    written = write_previews(documents, Prometheus(prometheus.url), out, Window(END_S - 1800, END_S), chosen)
    assert [path.name for path in written] == [f"{board.uid}.html" for board in all_boards()]
    return out


RANGES = """
[...document.querySelectorAll('.preview-row')].slice(3).map(row =>
  [...row.querySelectorAll('svg.preview-chart')].map(svg => [svg.dataset.yMin, svg.dataset.yMax].join('..')))
"""


def test_every_row_of_the_fleet_has_equal_axes(folder: Path, browser: Browser) -> None:
    """The same range in each column, whatever the service; and something is drawn in it."""
    with browser.open(f"file://{folder}/spanwise-fleet.html") as tab:
        rows = [row for row in tab.evaluate(RANGES) if len(row) == 3]
        assert len(rows) >= 2
        assert all(row == rows[0] for row in rows), rows
        assert all(not end.endswith("..0") for end in rows[0])
        assert tab.evaluate("document.querySelectorAll('.preview-line').length") > 10
        assert tab.errors == []


def test_both_sides_of_a_comparison_have_one_axis(folder: Path, browser: Browser) -> None:
    with browser.open(f"file://{folder}/spanwise-compare.html") as tab:
        rows = [row for row in tab.evaluate(RANGES.replace(".slice(3)", "")) if len(row) == 3]
        assert len(rows) >= 4
        assert all(left == right for left, right, _ in rows), rows


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_fits_its_window_and_loads_nothing_from_elsewhere(
    folder: Path, browser: Browser, width: int, theme: str
) -> None:
    for board in all_boards():
        with browser.open(f"file://{folder}/{board.uid}.html", width=width, theme=theme) as tab:
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, board.uid
            assert tab.evaluate("document.querySelectorAll('.preview-panel').length") >= len(board.panels)
            loaded = tab.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
            assert all(name.startswith("file:") for name in loaded)
            assert tab.errors == []


def test_a_kind_that_is_not_drawn_says_so(folder: Path) -> None:
    text = (folder / "spanwise-dependencies.html").read_text()
    assert "nodeGraph: not previewed" in text and "rows</b>" in text


def test_a_panel_of_another_data_source_is_a_box(folder: Path) -> None:
    source = {"type": "loki", "uid": "${logs}"}
    target = {"refId": "A", "datasource": source, "expr": '{app="x"}'}
    place = {"h": 8, "w": 12, "x": 0, "y": 0}
    panel = {"type": "logs", "title": "Logs", "datasource": source, "targets": [target], "gridPos": place}
    board = all_boards()[0].to_json() | {"panels": [panel], "templating": {"list": []}}
    (path,) = write_previews([board], Prometheus("http://127.0.0.1:9"), folder / "y", Window(0, 60), {})
    assert "logs of loki: not previewed" in path.read_text()


def test_names_from_outside_are_escaped(folder: Path) -> None:
    board = all_boards()[0].to_json() | {"title": "<script>alert(1)</script>", "panels": [], "templating": {"list": []}}
    (path,) = write_previews([board], Prometheus("http://127.0.0.1:9"), folder / "x", Window(0, 60), {})
    assert "<script>alert" not in path.read_text()


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0123, "s", "12.3 ms"),
        (0, "s", "0"),
        (90, "s", "1.5 min"),
        (0.014, "percentunit", "1.4 %"),
        (52_428_800, "bytes", "50 MiB"),
        (1234, "reqps", "1.23K req/s"),
        (float("nan"), "s", "–"),
    ],
)
def test_numbers_are_short(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text


MIB = 1024.0**2


@pytest.mark.parametrize(
    ("low", "high", "unit", "axis", "step"),
    [
        (0, 0.013, "s", (0, 0.015), 0.005),
        (0, 1, "percentunit", (0, 1), 0.2),
        (0, 11.9, "reqps", (0, 12.5), 2.5),
        (-0.2, 1.46, "cps", (-0.5, 1.5), 0.5),
        (0, 370 * MIB, "bytes", (0, 400 * MIB), 100 * MIB),
        (0, 400, "s", (0, 480), 120),
    ],
)
def test_an_axis_ends_at_whole_steps_of_its_unit(
    low: float, high: float, unit: str, axis: tuple[float, float], step: float
) -> None:
    assert axis_step(low, high, unit) == pytest.approx(step)
    assert rounded_axis(low, high, unit) == pytest.approx(axis)


def test_an_axis_without_an_extent_still_has_one() -> None:
    assert axis_step(0, 0, "s") == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--range", "soon"], "--range='soon' is not a duration"),
        (["--var", "service_name"], "--var is NAME=VALUE"),
        ([], "cannot reach Prometheus at http://127.0.0.1:9"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["dashboards", "preview", "--prometheus", "http://127.0.0.1:9", "--out", str(tmp_path), *arguments]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
