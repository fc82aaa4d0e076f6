"""Panels fill the width, side by side."""

from __future__ import annotations

import pytest

from spanwise_dashboards.layout import COLUMNS, Position, line


@pytest.mark.parametrize("shares", [[1], [1, 1], [1, 1, 1], [1, 1, 2], [1] * 5, [1] * 7, [1] * 24, [3, 1, 1, 1, 1]])
def test_a_line_fills_the_width_without_gap_or_overlap(shares: list[int]) -> None:
    positions = line(shares, y=3, height=8)
    assert [position.x for position in positions] == [
        sum(one.w for one in positions[:index]) for index in range(len(positions))
    ]
    assert sum(position.w for position in positions) == COLUMNS
    assert {(position.y, position.h) for position in positions} == {(3, 8)}
    assert not any(one.overlaps(other) for one in positions for other in positions if one is not other)


def test_a_double_share_is_double_the_width() -> None:
    assert [position.w for position in line([1, 1, 2], 0, 1)] == [6, 6, 12]


def test_more_panels_than_columns_do_not_fit() -> None:
    with pytest.raises(ValueError, match="do not fit 24 columns"):
        line([1] * 25, 0, 1)


def test_overlap() -> None:
    assert Position(0, 0, 2, 2).overlaps(Position(1, 1, 2, 2))
    assert not Position(0, 0, 2, 2).overlaps(Position(2, 0, 2, 2))
    assert not Position(0, 0, 2, 2).overlaps(Position(0, 2, 2, 2))
