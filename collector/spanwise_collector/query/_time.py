"""Numbers and times as query strings give them."""

from __future__ import annotations

import re

from spanwise_collector.query._search import BadSearchError

_LONGEST = 2**63 - 1
_UNIT_NS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
}
_DURATION_PART = re.compile(r"(\d{1,19})(?:\.(\d{1,30}))?(ns|us|µs|ms|s|m|h|d)", re.ASCII)


def integer(name: str, given: str, default: int) -> int:
    """A whole number from 0, or the default where nothing was given. Raises BadSearchError."""
    if not given:
        return default
    if not given.isascii() or not given.isdigit() or int(given[:20]) > _LONGEST:
        raise BadSearchError(f"{name}={given[:100]!r} is not a whole number from 0")
    return int(given)


def unix_ns(name: str, given: str, default: int) -> int:
    """A time since 1970 in nanoseconds, given in s, ms, µs or ns: its size tells which, for clients disagree.

    Raises BadSearchError.
    """
    if not given:
        return default
    number = integer(name, given, 0)
    for below, factor in ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3)):
        if number < below:
            return number * factor
    return number


def go_duration_ns(given: str) -> int | None:
    """A duration as Go writes it, such as `1.2s` or `1m30s`, to the nanosecond; None when it is none, or too long."""
    parts = list(_DURATION_PART.finditer(given))
    if not parts or "".join(part.group() for part in parts) != given:
        return None
    total = 0
    for whole, fraction, unit in (part.groups() for part in parts):
        total += int(whole) * _UNIT_NS[unit] + int(fraction or 0) * _UNIT_NS[unit] // 10 ** len(fraction or "")
    return total if total <= _LONGEST else None
