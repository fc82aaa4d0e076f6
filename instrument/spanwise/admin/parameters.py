"""Parameters of a request as values; what cannot be used is `Invalid`, a 400 that names parameter, value and form."""

from __future__ import annotations

import math
import re

from spanwise.admin.messages import Invalid, Request
from spanwise.settings import parse_duration

DEFAULT_TTL_S = 600.0
LONGEST_TTL_S = 86400.0
_MAX_SHOWN = 60
# com.twitter.util.Duration writes "10.seconds"; its users' scripts send that.
_UTIL_DURATION = re.compile(r"(\d{1,9})\.(nanosecond|microsecond|millisecond|second|minute|hour|day)s?")
_UTIL_SECONDS = {
    "nanosecond": 1e-9,
    "microsecond": 1e-6,
    "millisecond": 1e-3,
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86400.0,
}


def duration_s(text: str) -> float:
    """`"10s"`, `"1m"`, `"10.seconds"`, `"1.minute"` -> seconds. Raises ValueError."""
    match = _UTIL_DURATION.fullmatch(text.strip())
    if match is not None:
        return int(match[1]) * _UTIL_SECONDS[match[2]]
    return parse_duration(text[:40])


def duration(request: Request, name: str, default: float, longest: float) -> float:
    """A duration in seconds, from 0 to `longest`."""
    text = request.parameter(name)
    if text is None or text == "":
        return default
    try:
        value = duration_s(text)
    except ValueError:
        raise Invalid(f"{name}={shown(text)} is not a duration such as 30s, 10m or 1h.") from None
    if value > longest:
        raise Invalid(f"{name}={shown(text)} is longer than {longest:g} s.")
    return value


def ttl(request: Request) -> float:
    """How long a change is to last; ten minutes unless it says so, a day at most."""
    value = duration(request, "ttl", DEFAULT_TTL_S, LONGEST_TTL_S)
    if value <= 0:
        raise Invalid("ttl must be longer than nothing, such as 10m.")
    return value


def number(request: Request, name: str, default: float, low: float, high: float) -> float:
    """A number from `low` to `high`."""
    text = request.parameter(name)
    if text is None or text == "":
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise Invalid(f"{name}={shown(text)} is not a number from {low:g} to {high:g}.")
    return value


def whole(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    text = request.parameter(name)
    if text is None or text == "":
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise Invalid(f"{name}={shown(text)} is not a whole number from {low} to {high}.")
    return int(text)


def flag(request: Request, name: str) -> bool:
    """Given alone, or as `1` or `true`, in the query or the body."""
    text = request.parameter(name)
    return text is not None and text.lower() in ("", "1", "true")


def choice(request: Request, name: str, default: str, choices: tuple[str, ...]) -> str:
    text = request.parameter(name)
    if text is None or text == "":
        return default
    if text not in choices:
        raise Invalid(f"{name}={shown(text)} is not one of {', '.join(choices)}.")
    return text


def shown(text: str) -> str:
    """A value as it may stand in an answer: short, and printable."""
    return repr(text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}...")
