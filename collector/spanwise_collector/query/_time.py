"""Numbers and times as query strings give them."""

from __future__ import annotations

from spanwise_collector.query._search import BadSearchError

_LONGEST = 2**63 - 1


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
