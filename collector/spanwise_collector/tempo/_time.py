"""Times as Tempo's parameters give them: `start` and `end` since 1970, in any unit; durations as Go writes them."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from spanwise_collector.query import BadSearchError, unix_ns

_HOUR_NS = 3600 * 10**9
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h|d)")
_UNIT_NS = {
    "ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": _HOUR_NS, "d": 24 * _HOUR_NS,
}  # fmt: skip


def window_ns(arguments: Mapping[str, str]) -> tuple[int | None, int | None]:
    """`(start, end)`; None is any. Raises BadSearchError."""
    start, end = (unix_ns(name, _whole(arguments.get(name, "")), -1) for name in ("start", "end"))
    return (None if start < 0 else start), (None if end < 0 else end)


def closed_window_ns(arguments: Mapping[str, str]) -> tuple[int, int]:
    """Like `window_ns`, the last hour where nothing is given (or what `since` asks for). Raises BadSearchError."""
    start, end = window_ns(arguments)
    end = time.time_ns() if end is None else end
    since = duration_ns("since", arguments.get("since", ""))
    start = end - (since or _HOUR_NS) if start is None else start
    if start >= end:
        raise BadSearchError("start is not before end")
    return max(start, 0), end


def duration_ns(name: str, given: str) -> int | None:
    """A duration such as `30s` or `1m30s`, or a plain number of seconds. Raises BadSearchError."""
    if not given:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", given):
        return round(float(given) * 10**9)
    parts = list(_PART.finditer(given))
    if "".join(part.group() for part in parts) != given:
        raise BadSearchError(f"{name}={given[:100]!r} is not a duration such as 30s, 1.5m or 1h30m")
    return round(sum(float(part.group(1)) * _UNIT_NS[part.group(2)] for part in parts))


def _whole(given: str) -> str:
    """Some clients send seconds with a fraction; less than a second is not told apart."""
    whole, point, fraction = given.partition(".")
    return whole if point and fraction.isdigit() else given
