"""Numbers in Grafana's units, short enough for an axis."""

from __future__ import annotations

import math

_TIMES = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_BYTES = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
_PLAIN = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"), (1.0, ""))
_SUFFIXES = {"reqps": " req/s", "cps": " /s", "Bps": "/s"}


def shown(value: float, unit: str) -> str:
    """`shown(0.0123, "s")` is `12.3 ms`; NaN is a dash."""
    if math.isnan(value) or math.isinf(value):
        return "–"
    if unit == "percentunit":
        return f"{_digits(value * 100)} %"
    if unit == "s":
        return _scaled(value, _TIMES, space=True)
    if unit in ("bytes", "Bps"):
        return _scaled(value, _BYTES, space=True) + _SUFFIXES.get(unit, "")
    return _scaled(value, _PLAIN, space=False) + _SUFFIXES.get(unit, "")


def _scaled(value: float, scales: tuple[tuple[float, str], ...], space: bool) -> str:
    if value == 0:
        return "0"
    for factor, name in scales:
        if abs(value) >= factor * 0.9995:
            return _joined(value / factor, name, space)
    factor, name = scales[-1]
    return _joined(value / factor, name, space)


def _joined(value: float, name: str, space: bool) -> str:
    return f"{_digits(value)}{' ' if space and name else ''}{name}"


def _digits(value: float) -> str:
    """Three significant digits, without zeros at the end."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


_FEWEST_STEPS = 3.0  # of an axis; there are at most five
_MULTIPLES = (1, 2, 2.5, 5, 10)


def axis_step(low: float, high: float, unit: str) -> float:
    """The distance between an axis' lines: 1, 2, 2.5 or 5 times a power of ten; of bytes it is one of KiB or MiB, of
    seconds one of minutes or hours."""
    extent = high - low
    if extent <= 0 or math.isnan(extent) or math.isinf(extent):
        return 1.0
    scales = _BYTES if unit in ("bytes", "Bps") else _TIMES[:3] if unit == "s" else ()
    whole = next((factor for factor, _ in scales if extent >= _FEWEST_STEPS * factor), 1.0)
    least = extent / whole / 5
    power = 10.0 ** math.floor(math.log10(least))
    return next(times * power * whole for times in _MULTIPLES if least <= times * power * (1 + 1e-9))


def rounded_axis(low: float, high: float, unit: str) -> tuple[float, float]:
    """The range, widened to whole steps."""
    step = axis_step(low, high, unit)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
