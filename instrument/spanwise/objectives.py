"""Service level objectives, declared in the service and counted where the events happen.

An event of an SLO is a finished request (of one route, or of all) or a finished task. It is good when it did not fail
(no exception, no 5xx) and, where the SLO names a latency, took at most that long. Counting at the source is exact: no
bucket has to lie at the threshold, and one rule set serves latency and availability alike.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import inf

from prometheus_client import Counter, Gauge

from spanwise import standard
from spanwise.metrics import DeclarationError, from_standard
from spanwise.observing import incrementer

Counting = tuple[float, Callable[[], None], Callable[[], None]]


@dataclass(frozen=True, slots=True)
class Objective:
    """A declared SLO. `latency` in seconds, None for availability alone; `route` None for every route, unless it is
    one of the task named `task`."""

    name: str
    objective: float
    route: str | None
    latency: float | None
    good: Counter
    bad: Counter
    task: str | None = None

    def count(self, duration_s: float, failed: bool) -> None:
        if failed or (self.latency is not None and duration_s > self.latency):
            self.bad.inc()
        else:
            self.good.inc()

    def counting(self) -> Counting:
        """The same taken apart, for the request path: the latency bound, and what counts a good and a bad event."""
        return self.latency or inf, incrementer(self.good), incrementer(self.bad)

    @property
    def events(self) -> float:
        """How many it has counted."""
        samples = [sample for one in (self.good, self.bad) for family in one.collect() for sample in family.samples]
        return sum(sample.value for sample in samples if sample.name.endswith("_total"))


_lock = threading.Lock()
_objectives: dict[str, Objective] = {}
_listeners: list[Callable[[], None]] = []


@cache
def _events() -> Counter:
    return from_standard(Counter, standard.SLO_EVENTS)


@cache
def _targets() -> Gauge:
    return from_standard(Gauge, standard.SLO_OBJECTIVE)


def slo(
    name: str,
    *,
    objective: float,
    route: str | None = None,
    latency: float | None = None,
    task: str | None = None,
) -> Objective:
    """Declares an SLO: `spanwise.slo("checkout-latency", route="/checkout", latency=0.25, objective=0.99)`.

    `objective` is the share of good events, above 0 and below 1; `latency` is in seconds; `route` is a template,
    `task` the name of a `spanwise.task` in place of requests. Raises DeclarationError.
    """
    if not name.strip():
        raise DeclarationError("an slo needs a name, such as slo('availability', objective=0.999).")
    if not 0 < objective < 1:
        raise DeclarationError(f"slo {name!r}: objective={objective!r} is not a share between 0 and 1, such as 0.999.")
    if latency is not None and not latency > 0:
        raise DeclarationError(f"slo {name!r}: latency={latency!r} is not a number of seconds above 0.")
    if route is not None and task is not None:
        raise DeclarationError(f"slo {name!r} is of the route {route!r} or of the task {task!r}, not of both.")
    with _lock:
        earlier = _objectives.get(name)
        if earlier is not None:
            if (earlier.objective, earlier.route, earlier.latency, earlier.task) != (objective, route, latency, task):
                raise DeclarationError(
                    f"slo {name!r} is already declared with another objective, route, latency or task."
                )
            return earlier
        # Both outcomes exist from the start, so that a service without bad events shows 0 and not nothing.
        declared = Objective(
            name, objective, route, latency, _events().labels(name, "good"), _events().labels(name, "bad"), task
        )
        _targets().labels(name).set(objective)
        _objectives[name] = declared
    for listener in _listeners:
        listener()
    return declared


def when_declared(listener: Callable[[], None]) -> None:
    """Calls `listener` after each further declaration, so that what was looked up before is looked up again."""
    _listeners.append(listener)


def objectives() -> list[Objective]:
    return list(_objectives.values())


def objectives_for(route: str) -> tuple[Objective, ...]:
    """Those that count a request of this route."""
    return tuple(o for o in list(_objectives.values()) if o.task is None and (o.route is None or o.route == route))


def objectives_for_task(name: str) -> tuple[Objective, ...]:
    """Those that count a task of this name."""
    return tuple(o for o in list(_objectives.values()) if o.task == name)
