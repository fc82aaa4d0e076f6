"""Where panels go: sections of lines, each line sharing Grafana's 24 columns.

Nobody types coordinates: a panel says its share of the line's width and the line its height, in grid units of 30 px.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = 24
ROW_HEIGHT = 1


@dataclass(frozen=True, slots=True)
class Position:
    """A rectangle in grid units: 24 across, 30 px down."""

    x: int
    y: int
    w: int
    h: int

    def overlaps(self, other: Position) -> bool:
        apart = (
            self.x + self.w <= other.x
            or other.x + other.w <= self.x
            or self.y + self.h <= other.y
            or other.y + other.h <= self.y
        )
        return not apart


def line(shares: Sequence[int], y: int, height: int) -> list[Position]:
    """One line's panels, left to right, each as wide as its share; the last takes what rounding left."""
    positions: list[Position] = []
    total, x = sum(shares), 0
    for index, share in enumerate(shares):
        last = index == len(shares) - 1
        width = COLUMNS - x if last else max(1, round(COLUMNS * share / total))
        if width < 1 or x + width > COLUMNS:
            raise ValueError(f"{len(shares)} panels with shares {list(shares)} do not fit {COLUMNS} columns")
        positions.append(Position(x, y, width, height))
        x += width
    return positions
