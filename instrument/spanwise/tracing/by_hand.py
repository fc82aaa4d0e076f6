"""What somebody has set at /admin for single routes: another rate, or the traces of the next requests.

Both lie above the collector's policy and are laid over a new one too. A route is a template, matched against the path
as the policy's are; a trace that was asked for is kept for its own sake and stands for nobody (adjusted count 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import length_hint
from threading import Lock
from typing import TYPE_CHECKING

from spanwise.tracing.policy import RoutePolicy, RouteRates, pattern

if TYPE_CHECKING:
    from spanwise.tracing.sampling import HeadSampling

# Each is matched against the path of every request while it is in force.
MOST_ROUTES = 20
_changing = Lock()


class Wanted:
    """The next `number` requests of `route` are traced, whatever the rates and the callers say."""

    __slots__ = ("_left", "_matches", "number", "route")

    def __init__(self, route: str, number: int) -> None:
        self.route = route
        self.number = number
        self._matches = pattern(route)
        # Taking from an iterator is a single step of the interpreter: exactly `number` threads get one.
        self._left = iter(range(number))

    @property
    def left(self) -> int:
        return length_hint(self._left)

    def takes(self, path: str) -> bool:
        """Whether the request of this path is one of them, which is counted."""
        return self._matches.fullmatch(path) is not None and next(self._left, None) is not None


def use_policy(sampling: HeadSampling, routes: Sequence[RoutePolicy], rate: float) -> None:
    """Puts the policy's routes into force, below what was set by hand. `rate` is the service's."""
    with _changing:
        by_hand = sampling.routes.by_hand if sampling.routes is not None else ()
        _use(sampling, tuple(routes), by_hand, rate)


def set_rate(sampling: HeadSampling, route: str, rate: float) -> None:
    """Another rate for one route, instead of one that was set before."""
    with _changing:
        policy, by_hand = _layers(sampling, without=route)
        _use(sampling, policy, (RoutePolicy(route, rate), *by_hand), sampling.rate)


def forget_rate(sampling: HeadSampling, route: str) -> None:
    with _changing:
        policy, by_hand = _layers(sampling, without=route)
        _use(sampling, policy, by_hand, sampling.rate)


def want(sampling: HeadSampling, route: str, number: int) -> None:
    """The traces of the next `number` requests of a route, instead of those that were asked for before."""
    with _changing:
        sampling.wanted = (*_others(sampling, route), Wanted(route, number))


def want_no_more(sampling: HeadSampling, route: str) -> None:
    with _changing:
        sampling.wanted = _others(sampling, route)


def set_by_hand(sampling: HeadSampling) -> tuple[RoutePolicy, ...]:
    """The routes with a rate of their own that was set by hand."""
    return sampling.routes.by_hand if sampling.routes is not None else ()


def _others(sampling: HeadSampling, route: str) -> tuple[Wanted, ...]:
    return tuple(each for each in sampling.wanted if each.route != route)


def _layers(sampling: HeadSampling, without: str) -> tuple[tuple[RoutePolicy, ...], tuple[RoutePolicy, ...]]:
    if sampling.routes is None:
        return (), ()
    return sampling.routes.policy, tuple(each for each in sampling.routes.by_hand if each.route != without)


def _use(
    sampling: HeadSampling, policy: tuple[RoutePolicy, ...], by_hand: tuple[RoutePolicy, ...], rate: float
) -> None:
    sampling.routes = RouteRates(policy, rate, by_hand) if policy or by_hand else None
