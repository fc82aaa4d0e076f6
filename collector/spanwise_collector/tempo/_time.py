"""Times as Tempo's parameters give them: `start` and `end` since 1970, in any unit; durations as Go writes them."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from spanwise_collector.query import BadSearchError, go_duration_ns, unix_ns

_HOUR_NS = 3600 * 10**9


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
    duration = go_duration_ns(given)
    if duration is None:
        raise BadSearchError(f"{name}={given[:100]!r} is not a duration such as 30s, 1.5m or 1h30m")
    return duration


def _whole(given: str) -> str:
    """Some clients send seconds with a fraction; less than a second is not told apart."""
    whole, point, fraction = given.partition(".")
    return whole if point and fraction.isdigit() else given
