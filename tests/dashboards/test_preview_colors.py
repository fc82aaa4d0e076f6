"""Colours of a preview: what the board fixes comes first, then the service's own."""

from __future__ import annotations

from spanwise.web import service_color
from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.preview.colors import color_classes
from spanwise_dashboards.preview.data import Line
from spanwise_dashboards.preview.draw import band_name, value_band

BANDS = [(0.0, "green"), (6.0, "orange"), (14.4, "red")]


def line(name: str, **labels: str) -> Line:
    return Line(name, labels, ((0.0, 1.0),))


def test_a_status_has_the_colour_that_the_board_gives_it() -> None:
    (panel,) = (one for one in all_boards()[1].to_json()["panels"] if one["title"] == "Requests by status")
    classes = color_classes([line("200"), line("404"), line("502")], panel["fieldConfig"]["overrides"])
    assert classes == {"200": "preview-color-green", "404": "preview-color-orange", "502": "preview-color-red"}


def test_a_service_has_its_own_colour_and_several_labels_take_the_palette() -> None:
    classes = color_classes([line("catalog", service_name="catalog"), line("a b", service_name="a", route="b")])
    assert classes["catalog"] == f"service-color-{service_color('catalog')}"
    assert classes["a b"].startswith("service-color-")


def test_a_colour_that_the_style_sheet_does_not_know_is_left_out() -> None:
    fixed = {"id": "color", "value": {"mode": "fixed", "fixedColor": "#123456"}}
    override = {"matcher": {"id": "byName", "options": "x"}, "properties": [fixed]}
    assert color_classes([line("x")], [override])["x"].startswith("service-color-")


def test_a_value_lies_in_the_band_that_begins_below_it() -> None:
    assert [value_band(BANDS, value) for value in (-1, 0, 5.9, 6, 14.4, 99)] == [0, 0, 0, 1, 2, 2]
    assert [band_name(BANDS, value, "none") for value in (0, 6, 20)] == ["below 6", "6 to 14.4", "from 14.4"]
