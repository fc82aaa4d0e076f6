"""Health: what the service says about itself, found out in the background and only read by the probes.

A check is a function `() -> None | bool`; False or an exception fails it. One scheduler thread starts each check in a
short-lived thread of its own, so that one that hangs delays no other and is never started twice. Probes read results
and their age; they never run a check, so a slow database cannot make a probe slow.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, TypeVar

from spanwise.heartbeat import Heartbeat
from spanwise.redaction import in_force

# One failure may be a hiccup; the second in a row takes the service out of rotation.
FAILURES_BEFORE_FAILING = 2
DEFAULT_TIMEOUT_S = 2.0
DEFAULT_INTERVAL_S = 10.0
_LONGEST_SLEEP_S = 1.0
_GROUP = re.compile(r"[A-Za-z0-9_.-]{1,60}")

_log = logging.getLogger("spanwise")

CheckFunction = Callable[[], Any]
_F = TypeVar("_F", bound=CheckFunction)


class Kind(Enum):
    READINESS = "readiness"  # failing: send no requests here for now
    LIVENESS = "liveness"  # failing: restart the process


class State(Enum):
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


class Verdict(Enum):
    WAITING = "waiting"  # not checked yet
    PASSING = "passing"
    FAILING = "failing"


class Lifecycle:
    """Where the process stands: starting, until it is started and every warm-up is over; ready; draining; ending."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = False
        self._warming: list[str] = []
        self._draining = False
        self._ending = False

    @property
    def state(self) -> State:
        if self._draining:
            return State.DRAINING
        return State.READY if self._started and not self._warming else State.STARTING

    def after_fork(self) -> None:
        """In a forked child: a lock that another thread of the parent held is held for ever."""
        self._lock = threading.Lock()

    def started(self) -> None:
        """The process may take requests, as far as its instruments are concerned."""
        self._started = True

    @contextmanager
    def warming_up(self, name: str = "warm-up") -> Iterator[None]:
        """The process is not ready while any such block runs."""
        with self._lock:
            self._warming.append(name)
        try:
            yield
        finally:
            with self._lock:
                self._warming.remove(name)

    @property
    def warming(self) -> tuple[str, ...]:
        """The names of the warm-ups that run."""
        return tuple(self._warming)

    def drain(self) -> None:
        """No new requests, please."""
        self._draining = True

    def resume(self) -> bool:
        """Requests are welcome again; False when the process is ending, from which there is no way back."""
        with self._lock:
            if not self._ending:
                self._draining = False
            return not self._ending

    def end(self) -> bool:
        """Drains for good; False when the process was ending already."""
        with self._lock:
            first = not self._ending
            self._ending = self._draining = True
            return first

    @property
    def ending(self) -> bool:
        return self._ending


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    kind: Kind
    function: CheckFunction
    timeout_s: float
    interval_s: float
    groups: tuple[str, ...] = ()
    critical: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of one check. `fault` is short and free of the service's data: an exception's class at most.

    One that is not `critical` is shown and decides nothing.
    """

    name: str
    kind: Kind
    verdict: Verdict = Verdict.WAITING
    fault: str = ""
    checked_at: float | None = None  # time.monotonic()
    duration_s: float | None = None
    failures_in_a_row: int = 0
    groups: tuple[str, ...] = ()
    critical: bool = True

    @property
    def age_s(self) -> float | None:
        return None if self.checked_at is None else max(0.0, time.monotonic() - self.checked_at)


def any_failing(results: tuple[Result, ...]) -> bool:
    """Whether a critical one fails; one that was not checked yet does not."""
    return any(each.verdict is Verdict.FAILING and each.critical for each in results)


@dataclass(slots=True, eq=False)
class _Watched:
    """A check with its latest result and the run that is under way, if any."""

    check: Check
    result: Result
    due_at: float = 0.0
    run: _Run | None = None


@dataclass(slots=True, eq=False)
class _Run:
    """One call of a check. It stays on its check until the call returns, even when it was given up on before."""

    begun_at: float = field(default_factory=time.monotonic)
    given_up: bool = False


class Health:
    """The checks of a process and its life cycle."""

    def __init__(self) -> None:
        self.lifecycle = Lifecycle()
        self.heartbeat = Heartbeat()
        self._was_ready = False
        self._lock = threading.Lock()
        self._watched: dict[tuple[Kind, str], _Watched] = {}
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def add(self, check: Check) -> None:
        """Registers a check; one of the same kind and name is replaced."""
        with self._lock:
            result = Result(check.name, check.kind, groups=check.groups, critical=check.critical)
            self._watched[check.kind, check.name] = _Watched(check, result)
        self._wake.set()

    def start(self) -> None:
        """Marks the process as started and runs the checks from now on. Called again, also after a fork, it is safe."""
        self.lifecycle.started()
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            self._stopping = False
            self._wake = threading.Event()
            self._thread = threading.Thread(target=self._schedule, name="spanwise-health", daemon=True)
            self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Runs no further check; one that is under way is left to end by itself."""
        self._stopping = True
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def after_fork(self) -> None:
        """In a forked child: no thread of the parent's runs here, and a lock that one of them held is held for ever."""
        self.lifecycle.after_fork()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = None
        for watched in self._watched.values():
            watched.run = None
            watched.due_at = 0.0

    def results(self, kind: Kind) -> tuple[Result, ...]:
        with self._lock:
            return tuple(watched.result for watched in self._watched.values() if watched.check.kind is kind)

    def ready(self, results: tuple[Result, ...] | None = None) -> bool:
        """Whether to send requests here, by `results` or the newest: not before each check has passed once."""
        if results is None:
            results = self.results(Kind.READINESS)
        passing = all(result.verdict is Verdict.PASSING for result in results if result.critical)
        if passing and self.lifecycle.state is State.READY:
            self._was_ready = True
            return True
        return False

    def has_started(self) -> bool:
        """Whether the process was ready once; what a startup probe asks."""
        return self._was_ready or self.ready()

    def alive(self) -> bool:
        """Whether to leave the process running: a liveness check that was not made yet does not kill it."""
        return not any_failing(self.results(Kind.LIVENESS)) and not self.heartbeat.missed

    def group(self, name: str) -> tuple[Result, ...]:
        """The results of both kinds in a group; empty where there is no such group."""
        return tuple(result for kind in Kind for result in self.results(kind) if name in result.groups)

    def _schedule(self) -> None:
        while True:
            self._wake.clear()  # before looking, so that nothing set meanwhile is lost
            if self._stopping:
                return
            self._wake.wait(self._step())

    def _step(self) -> float:
        """Starts what is due, gives up on what takes too long; seconds until the next of either."""
        now = time.monotonic()
        with self._lock:
            next_at = min((self._step_one(watched, now) for watched in self._watched.values()), default=now + 60.0)
        return min(max(0.0, next_at - now), _LONGEST_SLEEP_S)

    def _step_one(self, watched: _Watched, now: float) -> float:
        """When to look at this check again."""
        if watched.run is None and watched.due_at <= now:
            self._start_run(watched)
        run = watched.run
        if run is None:
            return watched.due_at
        gives_up_at = run.begun_at + watched.check.timeout_s
        if gives_up_at <= now and not run.given_up:
            run.given_up = True
            self._record(watched, run, f"timed out after {watched.check.timeout_s:g} s")
        return now + _LONGEST_SLEEP_S if run.given_up else gives_up_at

    def _start_run(self, watched: _Watched) -> None:
        run = watched.run = _Run()
        name = f"spanwise-health-{watched.check.name}"
        try:
            threading.Thread(target=self._call, args=(watched, run), name=name, daemon=True).start()
        except RuntimeError as error:  # no more threads: say so and try again
            watched.run = None
            self._record(watched, run, f"could not be started: {type(error).__name__}")

    def _call(self, watched: _Watched, run: _Run) -> None:
        fault, message = "", ""
        try:
            if watched.check.function() is False:
                fault = message = "returned False"
        except BaseException as error:
            fault, message = type(error).__name__, in_force().text(f"{type(error).__name__}: {error}")
        with self._lock:
            watched.run = None
            if run.given_up:
                watched.due_at = time.monotonic()  # its answer came too late to count; ask again at once
            else:
                self._record(watched, run, fault, message)
        self._wake.set()

    def _record(self, watched: _Watched, run: _Run, fault: str, message: str = "") -> None:
        """Holds the lock. The first result decides at once; later, one failure alone changes nothing."""
        now = time.monotonic()
        before = watched.result
        failures = before.failures_in_a_row + 1 if fault else 0
        verdict = before.verdict
        if not fault:
            verdict = Verdict.PASSING
        elif before.verdict is Verdict.WAITING or failures >= FAILURES_BEFORE_FAILING:
            verdict = Verdict.FAILING
        watched.due_at = run.begun_at + watched.check.interval_s
        watched.result = replace(
            before,
            verdict=verdict,
            fault=fault,
            checked_at=now,
            duration_s=now - run.begun_at,
            failures_in_a_row=failures,
        )
        if verdict is not before.verdict:
            _say(watched.check, verdict, message or fault)


def _say(check: Check, verdict: Verdict, message: str) -> None:
    if verdict is Verdict.FAILING:
        _log.warning("%s check %r is failing: %s", check.kind.value, check.name, message)
    elif verdict is Verdict.PASSING:
        _log.info("%s check %r is passing", check.kind.value, check.name)


HEALTH = Health()
os.register_at_fork(after_in_child=HEALTH.heartbeat.forget)


def readiness(
    name: str,
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    interval_s: float = DEFAULT_INTERVAL_S,
    groups: Sequence[str] = (),
    critical: bool = True,
) -> Callable[[_F], _F]:
    """Decorates a check of what the service needs to answer requests: `@spanwise.readiness("database")`.

    `groups` are names under which `/health/GROUP` reports it; one that is not `critical` is shown and decides nothing.
    Raises TypeError for a coroutine function and ValueError for a time that is not positive or a group's name.
    """
    return _registers(name, Kind.READINESS, timeout_s, interval_s, tuple(groups), critical)


def liveness(
    name: str,
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    interval_s: float = DEFAULT_INTERVAL_S,
    groups: Sequence[str] = (),
    critical: bool = True,
) -> Callable[[_F], _F]:
    """Decorates a check of what only a restart can mend; never of another service, whose outage would restart all."""
    return _registers(name, Kind.LIVENESS, timeout_s, interval_s, tuple(groups), critical)


def warmup(name: str = "warm-up") -> AbstractContextManager[None]:
    """Keeps the service unready while the block runs: `with spanwise.warmup("models"): load()`."""
    return HEALTH.lifecycle.warming_up(name)


def start() -> None:
    """Runs the process's checks in the background; see `Health.start`."""
    HEALTH.start()


def stop(timeout_s: float = 1.0) -> None:
    HEALTH.stop(timeout_s)


def after_fork() -> None:
    """See `Health.after_fork`."""
    HEALTH.after_fork()


def _registers(
    name: str, kind: Kind, timeout_s: float, interval_s: float, groups: tuple[str, ...], critical: bool
) -> Callable[[_F], _F]:
    if timeout_s <= 0 or interval_s <= 0:
        raise ValueError(f"{kind.value}({name!r}): timeout_s and interval_s must be greater than 0.")
    for group in groups:
        if not _GROUP.fullmatch(group):
            raise ValueError(f"{kind.value}({name!r}): the group {group!r} is not letters, digits, _, . and - alone.")

    def register(function: _F) -> _F:
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{kind.value}({name!r}): the check runs in a thread; write it with def, not async def.")
        HEALTH.add(Check(name, kind, function, timeout_s, interval_s, groups, critical))
        return function

    return register
