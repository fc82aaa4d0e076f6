"""Profiles that are taken when a sign of trouble has lasted: what was wrong at night can be seen in the morning."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from spanwise.cgroup import resident_bytes
from spanwise.diagnosis.blocks import blocks
from spanwise.diagnosis.capture_rules import CaptureRule
from spanwise.diagnosis.garbage import PAUSES
from spanwise.http.server import LIVE
from spanwise.profiling.captures import CAPTURES
from spanwise.profiling.heap import census
from spanwise.profiling.profile import Profile
from spanwise.profiling.sampler import Busy, sample

if TYPE_CHECKING:
    from spanwise.event_loop import Block

_SECONDS, _HZ = 10.0, 100
# A sign that stays must not keep the profiler running, nor push out what somebody has taken by hand.
MOST_AN_HOUR = 2
_HOUR_S = 3600.0

_log = logging.getLogger("spanwise")


def take(rule: CaptureRule) -> Profile:
    """Raises Busy while another profile is taken."""
    return census() if rule.sign == "memory" else sample(_SECONDS, _HZ)


class AutoCapture:
    """`look` is called every few seconds; what a rule asks for is taken in a thread of its own."""

    def __init__(self, rules: tuple[CaptureRule, ...], take: Callable[[CaptureRule], Profile] = take) -> None:
        self._rules = rules
        self._take = take
        self._above_since: dict[CaptureRule, float] = {}
        self._taken: dict[CaptureRule, deque[float]] = {rule: deque(maxlen=MOST_AN_HOUR) for rule in rules}
        self._signs = Signs()

    def look(self, signs: Mapping[str, float] | None = None, now: float | None = None) -> list[threading.Thread]:
        """The captures that were begun. `now`: time.monotonic()."""
        now = time.monotonic() if now is None else now
        found = self._signs.now() if signs is None else signs
        begun = []
        for rule in self._rules:
            if found.get(rule.sign, 0.0) <= rule.limit:
                self._above_since.pop(rule, None)
            elif now - self._above_since.setdefault(rule, now) >= rule.lasting_s and self._may(rule, now):
                self._taken[rule].append(now)
                thread = threading.Thread(target=self._capture, args=(rule,), name="spanwise-capture", daemon=True)
                thread.start()
                begun.append(thread)
        return begun

    def _may(self, rule: CaptureRule, now: float) -> bool:
        taken = self._taken[rule]
        return len(taken) < MOST_AN_HOUR or now - taken[0] >= _HOUR_S

    def _capture(self, rule: CaptureRule) -> None:
        try:
            profile = self._take(rule)
        except Busy:
            return
        kept = CAPTURES.keep(replace(profile, comments=(f"taken because of {rule.text}", *profile.comments)))
        _log.warning("admin: %s: a profile was taken, see /admin/captures/%s?format=text", rule.text, kept.id)


class Signs:
    """What rules compare with their limits, since the look before."""

    def __init__(self) -> None:
        self._at = time.monotonic()
        self._cpu_s = time.process_time()
        self._gc_s = PAUSES.total_s

    def now(self) -> dict[str, float]:
        at, cpu_s, gc_s = time.monotonic(), time.process_time(), PAUSES.total_s
        elapsed_s = max(0.001, at - self._at)
        since = time.time() - elapsed_s
        found = {
            "cpu": (cpu_s - self._cpu_s) / elapsed_s,
            "in_flight": float(len(LIVE)),
            "loop_block": max((each.seconds for each in blocks() if _stood_since(each, since)), default=0.0),
            "gc": (gc_s - self._gc_s) / elapsed_s,
            "memory": float(resident_bytes() or 0),
        }
        self._at, self._cpu_s, self._gc_s = at, cpu_s, gc_s
        return found


def _stood_since(block: Block, since: float) -> bool:
    return block.at_unix_s + block.seconds >= since
