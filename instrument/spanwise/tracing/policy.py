"""The collector's sampling policy, and the decision by route that it asks for.

    {"rate": 0.1, "routes": [{"route": "/albums/<id>", "rate": 1.0, "max_per_second": 10, "min_per_second": 0.2}]}

The decision falls when a request starts, and its route is known only later. So a route of the policy is matched against
the path; a wrong guess makes a wrong rate, never a wrong count, because a span carries the threshold that was used for
it (docs/decisions/0021-sampling-by-route.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from spanwise.tracing.sampling import kept, threshold, threshold_text

MINIMUM = "minimum"
MAX_ROUTES = 500
_WINDOW_S = 1.0
# Placeholders of Flask and Django (<int:id>), of Starlette and FastAPI ({id:int}).
_PLACEHOLDER = re.compile(r"<[^<>]*>|\{[^{}]*\}")
_PATH_PLACEHOLDER = re.compile(r"<path:[^<>]*>|\{[^{}]*:path\}")


class PolicyError(ValueError):
    """A policy that cannot be used: one line that says where and why."""


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """`rate` None: the service's. The bounds are sampled traces a second, None for none."""

    route: str
    rate: float | None = None
    max_per_second: float | None = None
    min_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class SamplingPolicy:
    """`rate` None: nothing is set for the service, its own default holds."""

    rate: float | None = None
    routes: tuple[RoutePolicy, ...] = ()


def parse_policy(body: bytes | str) -> SamplingPolicy:
    """The collector's answer; members it does not know are ignored. Raises PolicyError."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"it is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise PolicyError("it is not an object")
    routes = document.get("routes") or []
    if not isinstance(routes, list) or len(routes) > MAX_ROUTES:
        raise PolicyError(f"routes must be a list of at most {MAX_ROUTES}")
    rate = _number(document, "rate", "", high=1.0)
    return SamplingPolicy(rate, tuple(_route(entry, f"routes[{index}].") for index, entry in enumerate(routes)))


def _route(entry: Any, where: str) -> RoutePolicy:
    if not isinstance(entry, dict) or not isinstance(entry.get("route"), str):
        raise PolicyError(f"{where}route must be a text")
    return RoutePolicy(
        entry["route"],
        _number(entry, "rate", where, high=1.0),
        _number(entry, "max_per_second", where),
        _number(entry, "min_per_second", where),
    )


def _number(entry: Mapping[str, Any], name: str, where: str, high: float = 1e9) -> float | None:
    value = entry.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= high:
        raise PolicyError(f"{where}{name} must be a number from 0 to {high:g}")
    return float(value)


class RouteSampling:
    """The decisions of one route. Races between threads cost an exact bound, never an exact count.

    Upper bound: the rate of a window is what the window before would have needed to stay under it, and each time a
    window has used its share up the rate is halved for the rest of it. The probability is never 0 and never depends on
    the trace that is decided on, so `th` tells it truly. Lower bound: traces beyond the probability, adjusted count 0.
    """

    __slots__ = (
        "_maximum",
        "_minimum",
        "_owed",
        "_rate",
        "_rate_now",
        "_sampled",
        "_seen",
        "_state",
        "_threshold",
        "_window_ends",
    )

    def __init__(self, policy: RoutePolicy, service_rate: float, now: float | None = None) -> None:
        self._rate = service_rate if policy.rate is None else policy.rate
        self._maximum = policy.max_per_second
        self._minimum = policy.min_per_second or 0.0
        self._seen = self._sampled = 0
        self._owed = 1.0  # traces that the lower bound still asks for; 1, so that the first request is there at once
        self._window_ends = (monotonic() if now is None else now) + _WINDOW_S
        self._use(self._rate)

    def decide(self, randomness: int, now: float) -> str | None:
        """The `tracestate` of a root that is to be recorded, None for one that is not. `now`: seconds, monotonic."""
        if self._maximum is not None or self._minimum:
            if now >= self._window_ends:
                self._roll(now)
            self._seen += 1
        if randomness >= self._threshold:
            state = self._state  # of the threshold that was used, not of the one that this trace may lead to
            self._sampled += 1
            if self._maximum is not None and self._sampled >= max(1.0, self._maximum):
                self._sampled = 0
                self._use(self._rate_now / 2)
            self._owed = max(-self._minimum, self._owed - 1.0)
            return state
        if self._minimum and self._owed >= 1.0:
            self._owed -= 1.0
            return kept(MINIMUM)
        return None

    def _roll(self, now: float) -> None:
        elapsed = now - self._window_ends + _WINDOW_S
        self._window_ends = now + _WINDOW_S
        self._owed = min(max(1.0, self._minimum), self._owed + self._minimum * elapsed)
        if self._maximum is not None:
            per_second = self._seen / elapsed
            self._use(min(self._rate, self._maximum / per_second if per_second > 0 else 1.0))
        self._seen = self._sampled = 0

    def _use(self, rate: float) -> None:
        self._rate_now = rate
        self._threshold = threshold(rate)
        self._state = f"ot=th:{threshold_text(self._threshold)}"


class RouteRates:
    """Which route a path belongs to: a literal one first, then the templates in the policy's order.

    `by_hand` are routes that were set at run time; they come before those of the policy.
    """

    __slots__ = ("_literal", "_templates", "by_hand", "policy")

    def __init__(self, routes: Sequence[RoutePolicy], service_rate: float, by_hand: Sequence[RoutePolicy] = ()) -> None:
        self.policy = tuple(routes)
        self.by_hand = tuple(by_hand)
        self._literal: dict[str, RouteSampling] = {}
        self._templates: list[tuple[re.Pattern[str], RouteSampling]] = []
        for policy in (*self.by_hand, *self.policy):
            sampling = RouteSampling(policy, service_rate)
            if _PLACEHOLDER.search(policy.route):
                self._templates.append((pattern(policy.route), sampling))
            else:
                self._literal.setdefault(policy.route, sampling)

    def of(self, path: str) -> RouteSampling | None:
        """None where the policy says nothing about the path."""
        found = self._literal.get(path)
        if found is None:
            for template, sampling in self._templates:
                if template.fullmatch(path):
                    return sampling
        return found


def pattern(route: str) -> re.Pattern[str]:
    """A template as an expression for paths: a placeholder is one part of the path, a path placeholder any number."""
    parts: list[str] = []
    position = 0
    for placeholder in _PLACEHOLDER.finditer(route):
        parts.append(re.escape(route[position : placeholder.start()]))
        parts.append(".+" if _PATH_PLACEHOLDER.fullmatch(placeholder[0]) else "[^/]+")
        position = placeholder.end()
    parts.append(re.escape(route[position:]))
    return re.compile("".join(parts))
