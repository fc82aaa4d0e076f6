"""Head sampling by consistent probability, so that counts can be scaled back exactly.

A trace is kept when its randomness R (`rv` in the `ot` member of `tracestate`, else the last 56 bits of the trace
id) is at least the rejection threshold T = (1 - rate) * 2^56. A kept root writes `ot=th:T`; a span then stands for
2^56 / (2^56 - T) requests, its adjusted count. (OpenTelemetry specification, "TraceState: Probability Sampling".)

Beyond the probability a few requests are kept for their own sake: the first of a route, failed ones, slow ones. Their
spans carry `spanwise=kept:REASON` in place of a threshold and stand for nobody: adjusted count 0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import frexp
from random import getrandbits
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from spanwise.tracing.tracecontext import SAMPLED, Parent, member, trace_state, trace_state_text, with_member

if TYPE_CHECKING:
    from spanwise.tracing.by_hand import Wanted
    from spanwise.tracing.policy import RouteRates

RANDOMNESS_BITS = 56
FORCED = "forced"
MAX_THRESHOLD = 1 << RANDOMNESS_BITS
_RANDOMNESS_MASK = MAX_THRESHOLD - 1
# Four hexadecimal digits beyond leading f's: the precision that the specification recommends.
_PRECISION_BITS = 16
_EXPLICIT_RANDOMNESS = re.compile(r"rv:([0-9a-f]{14})")


def threshold(rate: float) -> int:
    """The rejection threshold of a sampling rate from 0 to 1; MAX_THRESHOLD rejects everything."""
    if rate <= 0:
        return MAX_THRESHOLD
    leading_f_bits = -frexp(rate)[1] // 4 * 4
    step = 1 << max(0, RANDOMNESS_BITS - _PRECISION_BITS - max(0, leading_f_bits))
    # What is kept is rounded, not what is rejected: of a small rate that is the one a float holds exactly.
    return MAX_THRESHOLD - max(1, round(min(rate, 1.0) * MAX_THRESHOLD / step)) * step


def threshold_text(value: int) -> str:
    """T as the specification writes it: 14 hexadecimal digits without trailing zeros, "0" for none rejected."""
    return f"{value:014x}".rstrip("0") or "0"


def kept(reason: str, tracestate: str = "") -> str:
    """The `tracestate` of a span kept for `reason`: its probability no longer says anything."""
    return with_member(without_threshold(tracestate), "spanwise", f"kept:{reason}")


def without_threshold(tracestate: str) -> str:
    """`tracestate` without the `th` sub-key of its `ot` member; other sub-keys stay."""
    subkeys = [item for item in member(tracestate, "ot").split(";") if item and not item.startswith("th:")]
    return with_member(tracestate, "ot", ";".join(subkeys)) if "ot" in tracestate else tracestate


def explicit_randomness(tracestate: str) -> int | None:
    """The `rv` sub-key as a number, None when there is no valid one."""
    for item in member(tracestate, "ot").split(";"):
        if match := _EXPLICIT_RANDOMNESS.fullmatch(item):
            return int(match[1], 16)
    return None


class HeadSampling:
    """The decision for a new trace; its `rate` may change at any time: for good (`set_rate`), for a while (`override`).

    `parent_based`: a caller's decision is followed; else every process decides by the same randomness. `routes`: rates
    of their own for some routes, None (the normal case) for none. `wanted`: requests whose traces somebody asked for at
    run time; both are set through `spanwise.tracing.by_hand`.
    """

    __slots__ = ("_own_rate", "parent_based", "rate", "root_state", "routes", "threshold", "wanted")

    def __init__(self, rate: float, *, parent_based: bool = True) -> None:
        self.parent_based = parent_based
        self.routes: RouteRates | None = None
        self.wanted: tuple[Wanted, ...] = ()
        self.set_rate(rate)

    def set_rate(self, rate: float) -> None:
        """The rate of the settings or of the collector's policy; an override ends."""
        self._own_rate = rate
        self.override(rate)

    def settle(self) -> None:
        """Ends an override: back to the rate that was set last, also if that was meanwhile."""
        self.override(self._own_rate)

    def override(self, rate: float) -> None:
        """The rate until `settle`, or until another one is set."""
        self.rate = rate
        self.threshold = threshold(rate)
        self.root_state = f"ot=th:{threshold_text(self.threshold)}"

    def draw(self) -> int:
        """The randomness of a new trace id, to be decided on before the id is made."""
        return getrandbits(RANDOMNESS_BITS)

    def samples(self, randomness: int) -> bool:
        return randomness >= self.threshold

    def samples_trace(self, trace_id: int) -> bool:
        """The decision for a trace whose id somebody else has made."""
        return self.samples(trace_id & _RANDOMNESS_MASK)

    def follows(self, parent: Parent) -> bool:
        """Whether a request with this caller is sampled."""
        if self.parent_based:
            return bool(parent.flags & SAMPLED)
        randomness = explicit_randomness(parent.tracestate)
        return self.samples_trace(parent.trace_id) if randomness is None else self.samples(randomness)

    def state(self, tracestate: str) -> str:
        """`tracestate` with our threshold, for a decision that did not follow the caller's."""
        subkeys = [item for item in member(tracestate, "ot").split(";") if item and not item.startswith("th:")]
        return with_member(tracestate, "ot", ";".join([f"th:{threshold_text(self.threshold)}", *subkeys]))


class HeadSampler(Sampler):
    """The same decision for spans that start through OpenTelemetry's API."""

    def __init__(self, sampling: HeadSampling) -> None:
        self._sampling = sampling

    def follow(self, sampling: HeadSampling) -> None:
        """From now on decides by another one."""
        self._sampling = sampling

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        parent = trace.get_current_span(parent_context).get_span_context()
        local = parent.is_valid and not parent.is_remote
        if parent.is_valid and (local or self._sampling.parent_based):
            decision = Decision.RECORD_AND_SAMPLE if parent.trace_flags & SAMPLED else Decision.DROP
            return SamplingResult(decision, attributes, parent.trace_state)
        return self._decide(trace_id, parent.trace_state, attributes)

    def _decide(self, trace_id: int, state: TraceState, attributes: Attributes) -> SamplingResult:
        text = trace_state_text(state)
        randomness = explicit_randomness(text)
        if not self._sampling.samples(trace_id & _RANDOMNESS_MASK if randomness is None else randomness):
            return SamplingResult(Decision.DROP, attributes, state)
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, trace_state(self._sampling.state(text)))

    def get_description(self) -> str:
        return f"HeadSampler{{rate={self._sampling.rate:g}, parent_based={self._sampling.parent_based}}}"
