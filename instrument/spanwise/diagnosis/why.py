"""What is wrong now, one line each, the worst first. Every rule looks at one thing and is silent when it is well."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spanwise.diagnosis import tasks as asyncio_tasks
from spanwise.diagnosis import threads as process_threads
from spanwise.diagnosis.blocks import blocked_by
from spanwise.diagnosis.blocks import blocks as loop_blocks
from spanwise.diagnosis.pools import Exhausted, exhausted
from spanwise.diagnosis.recorder import Look, Recorder
from spanwise.diagnosis.tasks import LoopLook
from spanwise.diagnosis.threads import ThreadDump
from spanwise.diagnosis.where import called_from, culprit, place, source
from spanwise.health import Health, Kind, State, Verdict

if TYPE_CHECKING:
    from spanwise.event_loop import Block
    from spanwise.profiling.stacks import Stack

_GC_WINDOW_S = 16.0
# A service whose collector takes a tenth of its time is slowed by it, not by its work.
_GC_STORM_SHARE = 0.10
_THROTTLED_SHARE = 0.05
# In less than this a share is chance: one full collection in a process that has just started, one period of two.
_GC_JUDGED_S = 5.0
_GC_JUDGED_FULL = 3
_PERIODS_JUDGED = 10
_OWN_POOLS = "spanwise-"
_MINUTE_S = 61.0
# A loop that stands still this often, or once this long, within a minute is worth a line although it goes on now.
_STALLS = 3
_LONG_STALL_S = 1.0

Link = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Finding:
    """`links` lead to the evidence: title and address."""

    kind: str
    text: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen, once for all rules."""

    threads: ThreadDump
    loops: tuple[LoopLook, ...]
    blocks: tuple[Block, ...]
    pools: tuple[Exhausted, ...]
    before_gc: Look
    before: Look
    now: Look
    health: Health


def findings(health: Health, recorder: Recorder) -> list[Finding]:
    """Takes a quarter of a second when a loop is blocked, a twentieth otherwise."""
    evidence = _gather(health, recorder)
    return [finding for rule in RULES for finding in rule(evidence)]


def _gather(health: Health, recorder: Recorder) -> Evidence:
    begin = recorder.look()
    loops = tuple(asyncio_tasks.look())
    first = {pool.name for pool in exhausted(process_threads.look(0).threads)}
    dump = process_threads.look()
    # Our own are not the service's trouble: a health check that hangs is told by its own rule.
    pools = tuple(
        pool for pool in exhausted(dump.threads) if pool.name in first and not pool.name.startswith(_OWN_POOLS)
    )
    return Evidence(
        dump,
        loops,
        loop_blocks(),
        pools,
        recorder.before(_GC_WINDOW_S) or begin,
        recorder.before(_MINUTE_S) or begin,
        recorder.look(),
        health,
    )


def deadlocked(evidence: Evidence) -> Iterator[Finding]:
    for circle in evidence.threads.deadlocks:
        by_ident = {thread.ident: thread for thread in evidence.threads.threads}
        parts = []
        for ident in circle:
            thread = by_ident.get(ident)
            own = culprit(thread.stack) if thread is not None else None
            at = f" at {place(own)}" if own is not None else ""
            parts.append(f"{evidence.threads.named(ident)}{at}")
        what = " waits for ".join((*parts, evidence.threads.named(circle[0])))
        yield Finding("deadlock", f"Deadlock: {what}.", (("lock owners", "/admin/contention"), ("threads", _THREADS)))


def blocked_loop(evidence: Evidence) -> Iterator[Finding]:
    for loop in evidence.loops:
        if not loop.blocked_s:
            continue
        name = evidence.threads.named(loop.thread)
        if _selects(loop.stack):
            text = f"The event loop in {name} gets no turn: other threads keep the interpreter busy."
            yield Finding("starved loop", text, (("profile", "/admin/flamegraph"), ("threads", _THREADS)))
            continue
        seconds = max([loop.blocked_s, *(block.seconds for block in evidence.blocks if not block.over)])
        text = f"The event loop in {name} is blocked{_by(loop.stack)}: no answer for {_lasting(seconds)}."
        yield Finding("blocked loop", text, (("tasks", "/admin/tasks"), ("requests", "/admin/requests")))


def stalling_loop(evidence: Evidence) -> Iterator[Finding]:
    """Blocks of the last minute that are over: a look now and then would miss them."""
    since = time.time() - _MINUTE_S
    blocks = [block for block in evidence.blocks if block.over and block.at_unix_s >= since]
    longest = max((block.seconds for block in blocks), default=0.0)
    if any(loop.blocked_s for loop in evidence.loops) or (len(blocks) < _STALLS and longest < _LONG_STALL_S):
        return
    times = "once" if len(blocks) == 1 else f"{len(blocks)} times"
    text = f"The event loop was blocked {times} in the last minute, for up to {_lasting(longest)}"
    by = blocked_by(blocks[-1])
    last = f", last by {by}" if by else ""
    yield Finding("stalling loop", f"{text}{last}.", (("tasks", "/admin/tasks"),))


def exhausted_pool(evidence: Evidence) -> Iterator[Finding]:
    for pool in evidence.pools:
        waiting = "" if pool.waiting is None else f", {pool.waiting} jobs waiting"
        where = ""
        if pool.place is not None:
            call = f", calling {pool.call}" if pool.call else ""
            where = f"; {pool.in_place} of them at {place(pool.place)}{call}"
        text = f"Thread pool {pool.name} is exhausted: all {pool.threads} threads are busy{waiting}{where}."
        yield Finding("exhausted pool", text, (("threads", _THREADS), ("requests", "/admin/requests")))


def failing_check(evidence: Evidence) -> Iterator[Finding]:
    for result in evidence.health.results(Kind.READINESS):
        if result.verdict is Verdict.FAILING:
            age = "" if result.age_s is None else f", {result.age_s:.0f} s ago"
            text = f"Readiness check {result.name!r} is failing: {result.fault}{age}."
            yield Finding("failing check", text, (("readiness", "/readyz?verbose"),))
    if evidence.health.lifecycle.state is State.DRAINING:
        yield Finding("draining", "The service is draining: it takes no new requests.", (("health", "/readyz"),))


def throttled(evidence: Evidence) -> Iterator[Finding]:
    before, now = evidence.before.cpu, evidence.now.cpu
    if before is None or now is None or now.periods - before.periods < _PERIODS_JUDGED:
        return
    share = (now.throttled - before.throttled) / (now.periods - before.periods)
    if share >= _THROTTLED_SHARE:
        lost_s = now.throttled_s - before.throttled_s
        text = (
            f"The control group throttles the processor: held back in {share:.0%} of the periods of the last"
            f" {_ago(evidence.before)}, {lost_s:.1f} s in total. Raise the CPU limit or use less."
        )
        yield Finding("throttled", text, (("profile", "/admin/flamegraph"), ("threads", _THREADS)))


def garbage_storm(evidence: Evidence) -> Iterator[Finding]:
    before, now = evidence.before_gc, evidence.now
    elapsed_s = now.at - before.at
    share = (now.gc_s - before.gc_s) / elapsed_s if elapsed_s > 0 else 0.0
    full = now.collections[2] - before.collections[2]
    if share >= _GC_STORM_SHARE and (elapsed_s >= _GC_JUDGED_S or full >= _GC_JUDGED_FULL):
        text = (
            f"Garbage collection takes {share:.0%} of the time: {full} full collections in the last {_ago(before)}."
            " Fewer long-lived objects, gc.freeze() or a higher threshold help."
        )
        yield Finding("gc storm", text, (("collections", "/admin/gc"), ("objects", "/admin/flamegraph?kind=census")))


def dropping_exporter(evidence: Evidence) -> Iterator[Finding]:
    dropped = {
        reason: total - evidence.before.dropped.get(reason, 0.0) for reason, total in evidence.now.dropped.items()
    }
    dropped = {reason: number for reason, number in dropped.items() if number > 0}
    if dropped:
        reasons = ", ".join(f"{number:.0f} {reason.replace('_', ' ')}" for reason, number in sorted(dropped.items()))
        text = f"The exporter drops spans: {reasons} in the last {_ago(evidence.before)}. Traces have gaps."
        yield Finding("dropped spans", text, (("metrics", "/admin/metrics.json?pretty=true"),))


Rule = Callable[[Evidence], Iterator[Finding]]
RULES: tuple[Rule, ...] = (
    deadlocked,
    blocked_loop,
    stalling_loop,
    exhausted_pool,
    failing_check,
    throttled,
    garbage_storm,
    dropping_exporter,
)
_THREADS = "/admin/threads"


def _by(stack: Stack) -> str:
    """` by views.py:41 in pay, calling Session.get`, with the line of code where it can be had."""
    own = culprit(stack)
    if own is None:
        return ""
    call = called_from(stack)
    code = source(own)
    return f" by {place(own)}" + (f" `{code}`" if code else "") + (f", in {call}" if call else "")


def _lasting(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _selects(stack: Stack) -> bool:
    return bool(stack) and stack[0].file.endswith("/selectors.py")


def _ago(look: Look) -> str:
    seconds = time.monotonic() - look.at
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
