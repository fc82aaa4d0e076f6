"""W3C Trace Context by hand: parsing and writing `traceparent` (0.5 us each) and the members of `tracestate` we know.

https://www.w3.org/TR/trace-context-2/
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from opentelemetry.trace import SpanContext, TraceFlags, TraceState

# A later version may append fields; version 00 may not, and ff is forbidden.
_TRACEPARENT = re.compile(r"(00|(?!ff)[0-9a-f]{2}(?=.{53}(?:-|$)))-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
# Exactly what OpenTelemetry's TraceState takes: it writes a log line for each member that it does not.
_MEMBER = re.compile(
    r"([a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})="
    r"([\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e])"
)
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
SAMPLED = 0x01
RANDOM = 0x02
MAX_TRACESTATE_CHARACTERS = (
    8192  # beyond any header a server accepts by default; the specification asks for at least 512
)
MAX_TRACESTATE_MEMBERS = 32
# The roots of a process share a handful of trace states; those of callers come and go.
_MAX_CACHED_STATES = 256
_FLAG_TEXTS = tuple(f"{bits:02x}" for bits in range(0x100))
_FLAGS = tuple(TraceFlags(bits) for bits in range(0x100))


class Parent(NamedTuple):
    """What a caller sent: its ids, its flags and its `tracestate` as text."""

    trace_id: int
    span_id: int
    flags: int
    tracestate: str

    def context(self) -> SpanContext:
        return SpanContext(self.trace_id, self.span_id, True, trace_flags(self.flags), trace_state(self.tracestate))


def parse(traceparent: str, tracestate: str = "") -> Parent | None:
    """The caller's context, or None when `traceparent` is not valid: then `tracestate` does not count either."""
    match = _TRACEPARENT.fullmatch(traceparent.strip())
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if trace_id == _NO_TRACE or span_id == _NO_SPAN or (version == "00" and rest):
        return None
    if len(tracestate) > MAX_TRACESTATE_CHARACTERS:
        tracestate = ""
    return Parent(int(trace_id, 16), int(span_id, 16), int(flags, 16) & (SAMPLED | RANDOM), tracestate)


def traceparent(context: SpanContext) -> str:
    """The header value that names `context` as the parent."""
    trace_id, span_id, _, flags, _, _ = context  # a tuple, whose properties take longer
    return f"00-{trace_id:032x}-{span_id:016x}-{_FLAG_TEXTS[flags]}"


def members(tracestate: str) -> list[tuple[str, str]]:
    """`"a=1,b=2"` -> its members in order; none when one is not valid, two have the same key or there are too many."""
    pairs = []
    for item in tracestate.split(","):
        text = item.strip(" \t")
        if not text:
            continue
        match = _MEMBER.fullmatch(text)
        if match is None:
            return []
        pairs.append((match[1], match[2]))
    if len(pairs) > MAX_TRACESTATE_MEMBERS or len({key for key, _ in pairs}) != len(pairs):
        return []
    return pairs


def member(tracestate: str, key: str) -> str:
    """The value of one member, "" when it is not there."""
    if key not in tracestate:
        return ""
    return next((value for name, value in members(tracestate) if name == key), "")


def with_member(tracestate: str, key: str, value: str) -> str:
    """`tracestate` with this member first, as the specification asks of one that was changed; "" removes it."""
    others = [(name, old) for name, old in members(tracestate) if name != key][: MAX_TRACESTATE_MEMBERS - 1]
    pairs = [(key, value), *others] if value else others
    return ",".join(f"{name}={text}" for name, text in pairs)


def trace_flags(bits: int) -> TraceFlags:
    """OpenTelemetry's object for the flags, made once."""
    return _FLAGS[bits]


@lru_cache(maxsize=_MAX_CACHED_STATES)
def trace_state(tracestate: str) -> TraceState | None:
    """OpenTelemetry's object for the text; None (which `SpanContext` takes for empty) when there is nothing."""
    if not tracestate:
        return None
    return TraceState(members(tracestate))


def trace_state_text(state: TraceState) -> str:
    return state.to_header() if state else ""
