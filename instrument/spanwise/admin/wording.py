"""Numbers as people read them."""

from __future__ import annotations

import math
import time

_SIZES = ("B", "kB", "MB", "GB", "TB")
NONE = "–"


def duration(seconds: float) -> str:
    """`0.0042` -> `4.2 ms`, `93` -> `1 min 33 s`, `93784` -> `1 d 2 h`; a dash for NaN."""
    if math.isnan(seconds):
        return NONE
    if seconds < 1:
        return f"{_significant(seconds * 1000)} ms"
    if seconds < 60:
        return f"{_significant(seconds)} s"
    whole = int(seconds)
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    first = next(index for index, (size, _) in enumerate(units) if whole >= size)
    (size, unit), (smaller, smaller_unit) = units[first], units[first + 1]
    rest = whole % size // smaller
    return f"{whole // size} {unit}" + (f" {rest} {smaller_unit}" if rest else "")


def ago(at: float) -> str:
    """`3 s ago`, for a time in Unix seconds."""
    return f"{duration(max(0.0, time.time() - at))} ago"


def size(number: float | None) -> str:
    """`51_380_224` -> `51.4 MB`; a dash for None."""
    if number is None:
        return NONE
    power = 0
    while number >= 1000 and power < len(_SIZES) - 1:
        number /= 1000
        power += 1
    return f"{_significant(number)} {_SIZES[power]}"


def rate(per_second: float) -> str:
    """`12.3/s`."""
    return f"{_significant(per_second)}/s"


def share(part: float) -> str:
    """`0.0042` -> `0.42 %`; what is not quite nothing is not shown as `0 %`."""
    if 0 < part < 0.0001:
        return "< 0.01 %"
    return f"{_significant(part * 100)} %"


def count(number: float) -> str:
    """`1234567` -> `1,234,567`."""
    return f"{number:,.0f}"


def _significant(number: float) -> str:
    """Three significant digits, without an exponent and without zeros that say nothing."""
    if number == 0:
        return "0"
    if number >= 100:
        return f"{number:,.0f}"
    decimals = max(0, 2 - math.floor(math.log10(number)))
    return f"{number:.{min(decimals, 4)}f}".rstrip("0").rstrip(".") or "0"
