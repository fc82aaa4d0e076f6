"""Charts as SVG. Lines of a service have that service's colour, as everywhere in Spanwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from html import escape
from math import ceil, floor

from spanwise_dashboards.preview.colors import color_class
from spanwise_dashboards.preview.data import Line, Window
from spanwise_dashboards.preview.numbers import axis_step, shown

Colors = Mapping[str, str]  # the class of a line by its name
Bands = Sequence[tuple[float, str]]  # where each begins, and its colour; the first begins anywhere
LEFT, BOTTOM, TOP = 62, 20, 8
_NARROWEST, _WIDEST = 280, 760
_COLUMN = 50  # one of the 24 columns on a window of 1280
_TIME_PX = 85  # a time of day and the room beside it
_NAME_PX = 6.2  # of one character, about
_FEWEST_NAME_PX, _MOST_NAME_SHARE = 60, 0.4


@dataclass(frozen=True, slots=True)
class Size:
    """A chart's size in its own units, which are pixels on a window of 1280."""

    width: int
    height: int

    @classmethod
    def of(cls, columns: int, height: int) -> Size:
        return cls(min(_WIDEST, max(_NARROWEST, columns * _COLUMN - 24)), height)


def time_series(
    lines: Sequence[Line], colors: Colors, window: Window, axis: tuple[float, float], unit: str, size: Size
) -> str:
    """Lines over time on the axis `(low, high)`, which the SVG says in `data-y-min` and `data-y-max`."""
    frame = _Frame(window, *axis, size)
    parts = [frame.open(), *frame.grid(unit)]
    for line in lines:
        drawn = " ".join(f"{frame.x(at):.1f},{frame.y(value):.1f}" for at, value in line.points)
        if drawn:
            title = f"<title>{escape(line.name)}: {escape(shown(line.last, unit))}</title>"
            parts.append(f'<polyline class="preview-line {colors[line.name]}" points="{drawn}">{title}</polyline>')
    return "".join([*parts, "</svg>"])


def sparkline(line: Line, high: float) -> str:
    """A table cell's course, without axis, from 0 to `high`."""
    if len(line.points) < 2:
        return ""
    start, end = line.points[0][0], line.points[-1][0]
    drawn = " ".join(
        f"{100 * (at - start) / (end - start):.1f},{22 - 20 * min(1.0, value / high if high else 0):.1f}"
        for at, value in line.points
    )
    svg = '<svg class="preview-spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">'
    return f'{svg}<polyline points="{drawn}"></polyline></svg>'


def heatmap(lines: Sequence[Line], window: Window, unit: str, size: Size) -> str:
    """Cumulative buckets as cells: time across, bound upwards, the more the stronger."""
    buckets = sorted((float(line.labels["le"]), dict(line.points)) for line in lines if "le" in line.labels)
    rows = [
        (bound, {at: max(0.0, n - (buckets[i - 1][1].get(at, 0.0) if i else 0.0)) for at, n in here.items()})
        for i, (bound, here) in enumerate(buckets)
    ]
    most = max((n for _, cells in rows for n in cells.values()), default=0.0) or 1.0
    frame = _Frame(window, 0, max(1, len(rows)), size)
    width = max(1.0, frame.x(window.start + window.step_s) - frame.x(window.start))
    parts = [frame.open()]
    for index, (bound, cells) in enumerate(rows):
        top = frame.y(index + 1)
        tall = frame.y(index) - top
        label = shown(bound, unit) if bound != float("inf") else "more"
        if index % max(1, len(rows) // 5) == 0:
            parts.append(
                f'<text class="preview-tick" x="{LEFT - 6}" y="{top + tall / 2 + 3:.1f}">{escape(label)}</text>'
            )
        parts += [
            f'<rect class="preview-cell" x="{frame.x(at):.1f}" y="{top:.1f}" width="{width:.1f}" height="{tall:.1f}" '
            f'fill-opacity="{(n / most) ** 0.5:.2f}"><title>{escape(label)}: {n:.0f}</title></rect>'
            for at, n in cells.items()
            if n > 0
        ]
    return "".join([*parts, *frame.times(), "</svg>"])


def state_timeline(lines: Sequence[Line], colors: Colors, bands: Bands, window: Window, unit: str, size: Size) -> str:
    """A bar for each series, in pieces of one value each, or of one band of values where there are several; gaps where
    there was none."""
    longest = max((len(line.name) for line in lines), default=0)
    left = round(min(size.width * _MOST_NAME_SHARE, max(_FEWEST_NAME_PX, longest * _NAME_PX + 10)))
    frame = _Frame(window, 0, max(1, len(lines)), size, left=left)
    parts = [frame.open()]
    for index, line in enumerate(sorted(lines, key=lambda one: one.name, reverse=True)):
        top, tall = frame.y(index + 1) + 2, frame.y(index) - frame.y(index + 1) - 4
        parts.append(_tick(left - 6, top + tall / 2 + 3, line.name))
        for start, end, value in _pieces(line, window, bands):
            at, wide = frame.x(start), max(1.0, frame.x(end) - frame.x(start))
            text = escape(band_name(bands, value, unit) if len(bands) > 1 else shown(value, unit))
            color = color_class(bands[value_band(bands, value)][1]) if len(bands) > 1 else ""
            parts.append(
                f'<rect class="preview-state {color or colors[line.name]}" x="{at:.1f}" y="{top:.1f}" '
                f'width="{wide:.1f}" height="{tall:.1f}"><title>{text}</title></rect>'
            )
            if wide > 40:
                parts.append(
                    f'<text class="preview-state-value" x="{at + 5:.1f}" y="{top + tall / 2 + 3:.1f}">{text}</text>'
                )
    return "".join([*parts, *frame.times(), "</svg>"])


def value_band(bands: Bands, value: float) -> int:
    """In which band the value lies; each begins at its first member, the first one anywhere below."""
    return max((index for index, (begin, _) in enumerate(bands) if value >= begin), default=0)


def band_name(bands: Bands, value: float, unit: str) -> str:
    """`below 6`, `6 to 14.4` or `from 14.4`."""
    index = value_band(bands, value)
    if index == 0:
        return f"below {shown(bands[1][0], unit)}"
    if index == len(bands) - 1:
        return f"from {shown(bands[index][0], unit)}"
    return f"{shown(bands[index][0], unit)} to {shown(bands[index + 1][0], unit)}"


def _tick(x: float, y: float, text: str) -> str:
    return f'<text class="preview-tick" x="{x:g}" y="{y:.1f}">{escape(text)}</text>'


def _pieces(line: Line, window: Window, bands: Bands) -> list[tuple[float, float, float]]:
    pieces: list[tuple[float, float, float]] = []
    for at, value in line.points:
        end = min(window.end, at + window.step_s)
        before = pieces[-1] if pieces and at - pieces[-1][1] < window.step_s / 2 else None
        same = before and (
            value_band(bands, before[2]) == value_band(bands, value) if len(bands) > 1 else before[2] == value
        )
        if before and same:
            pieces[-1] = (before[0], end, value)
        else:
            pieces.append((at, end, value))
    return pieces


class _Frame:
    """The plane of a chart: time across, values upwards."""

    def __init__(self, window: Window, low: float, high: float, size: Size, left: int = LEFT) -> None:
        self.window, self.low, self.high, self.left = window, low, high, left
        self.width, self.height = size.width, size.height

    def x(self, at: float) -> float:
        share = (at - self.window.start) / (self.window.end - self.window.start)
        return self.left + (self.width - self.left - 8) * min(1.0, max(0.0, share))

    def y(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.height - BOTTOM - (self.height - BOTTOM - TOP) * min(1.0, max(0.0, share))

    def open(self) -> str:
        wide = " preview-wide" if self.width == _WIDEST else ""
        return (
            f'<svg class="preview-chart{wide}" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'data-y-min="{self.low:g}" data-y-max="{self.high:g}">'
        )

    def grid(self, unit: str) -> list[str]:
        parts, step = [], axis_step(self.low, self.high, unit)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        for value in (step * tick for tick in range(first, last + 1)):
            y = self.y(value)
            parts.append(
                f'<line class="preview-grid" x1="{self.left}" x2="{self.width - 8}" y1="{y:.1f}" y2="{y:.1f}"></line>'
            )
            text = escape(shown(value, unit))
            parts.append(f'<text class="preview-tick" x="{self.left - 6}" y="{y + 3.5:.1f}">{text}</text>')
        return [*parts, *self.times()]

    def times(self) -> list[str]:
        parts, steps = [], max(1, min(4, (self.width - self.left) // _TIME_PX - 1))
        for tick in range(steps + 1):
            at = self.window.start + (self.window.end - self.window.start) * tick / steps
            text = datetime.fromtimestamp(at, timezone.utc).strftime("%H:%M:%S")
            anchor = "start" if tick == 0 else "end" if tick == steps else "middle"
            place = f'x="{self.x(at):.1f}" y="{self.height - 5}" text-anchor="{anchor}"'
            parts.append(f'<text class="preview-time" {place}>{text}</text>')
        return parts
