"""When a profile is taken unasked: `"cpu > 0.9 for 30s, loop_block > 500ms, memory > 1GB"`.

The signs, looked at every five seconds:

    cpu          processor time of this process, in cores
    in_flight    requests that are being answered
    loop_block   how long an event loop stood still at most
    gc           share of the time that garbage collections take
    memory       resident memory; a census of objects is taken, for every other sign a profile of ten seconds
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from spanwise.settings import Kind, parse_duration, parse_size

_RULE = re.compile(r"(?P<sign>\w+)\s*>\s*(?P<limit>[\w.]+)(?:\s+for\s+(?P<lasting>[\w.]+))?")
# How the limit of each sign is written.
SIGNS: dict[str, Callable[[str], float]] = {
    "cpu": float,
    "in_flight": float,
    "loop_block": parse_duration,
    "gc": float,
    "memory": parse_size,
}
_ALLOWED = f"a list of SIGN > LIMIT [for DURATION] with a sign of {', '.join(SIGNS)}, such as cpu > 0.9 for 30s"


@dataclass(frozen=True, slots=True)
class CaptureRule:
    """`text` is as it was written; the sign must be above its limit for `lasting_s`."""

    text: str
    sign: str
    limit: float
    lasting_s: float


def parse_rules(text: str) -> tuple[CaptureRule, ...]:
    """Raises ValueError for what is no rule."""
    return tuple(_rule(part.strip()) for part in text.split(",") if part.strip())


def _rule(text: str) -> CaptureRule:
    match = _RULE.fullmatch(text)
    if match is None or match["sign"] not in SIGNS:
        raise ValueError(text)
    limit = SIGNS[match["sign"]](match["limit"])
    if not limit >= 0:
        raise ValueError(text)
    return CaptureRule(text, match["sign"], limit, parse_duration(match["lasting"]) if match["lasting"] else 0.0)


CAPTURE_RULES = Kind("capture rules", _ALLOWED, parse_rules)
