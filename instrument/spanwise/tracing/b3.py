"""B3 trace context, single header and several, as OpenTelemetry propagators (openzipkin/b3-propagation).

    b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90
    X-B3-TraceId: 80f198ee56343ba864fe8b2a57d3eff7     X-B3-SpanId: e457b5a2e4d86bd1     X-B3-Sampled: 1

Both are read by either, the single header first (OpenTelemetry specification, "B3 Requirements"); each writes its own.
A caller may leave the decision to us, or send a decision without ids: `decision` reads that. The debug state forces
the trace: its spans carry `spanwise=kept:forced`, so they stand for nobody, and the debug state is passed on.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, get_current_span, set_span_in_context

from spanwise.tracing.sampling import FORCED, HeadSampling, kept
from spanwise.tracing.tracecontext import SAMPLED, member, trace_state, trace_state_text

SINGLE = "b3"
TRACE_ID, SPAN_ID = "x-b3-traceid", "x-b3-spanid"
SAMPLED_HEADER, FLAGS_HEADER = "x-b3-sampled", "x-b3-flags"

_ACCEPT, _DENY, _DEBUG, _DEFER = "1", "0", "d", ""
_TRACE_ID = re.compile(r"(?:[0-9a-f]{16}){1,2}")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")
_STATES = {"1": _ACCEPT, "true": _ACCEPT, "0": _DENY, "false": _DENY, "d": _DEBUG}
_DECISION_KEY = otel_context.create_key("spanwise-b3-decision")


def decision(context: Context) -> str:
    """What a caller by B3 asked for beyond its ids: "d" to force the trace, "1" or "0" without ids, else ""."""
    return str(context.get(_DECISION_KEY, ""))


class _B3(TextMapPropagator):
    """Reading. `sampling` decides where the caller left it to us; without one such a trace is not sampled."""

    def __init__(self, sampling: HeadSampling | None = None) -> None:
        self._sampling = sampling

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        context = Context() if context is None else context

        def header(name: str) -> str:
            values = getter.get(carrier, name)
            return str(values[0]).strip().lower() if values else ""

        trace_id, span_id, state = _single(header(SINGLE)) or _several(header)
        if not _valid(trace_id, span_id):
            return context if state == _DEFER else otel_context.set_value(_DECISION_KEY, state, context)
        parent = self._parent(int(trace_id, 16), int(span_id, 16), state)
        if state == _DEBUG:
            context = otel_context.set_value(_DECISION_KEY, _DEBUG, context)
        return set_span_in_context(NonRecordingSpan(parent), context)

    def _parent(self, trace_id: int, span_id: int, state: str) -> SpanContext:
        flags, text = (SAMPLED if state in (_ACCEPT, _DEBUG) else 0), ""
        if state == _DEBUG:
            text = kept(FORCED)
        elif state == _DEFER and self._sampling is not None and self._sampling.samples_trace(trace_id):
            flags, text = SAMPLED, self._sampling.root_state
        return SpanContext(trace_id, span_id, True, TraceFlags(flags), trace_state(text))


class B3Single(_B3):
    """OTEL_PROPAGATORS=b3."""

    @property
    def fields(self) -> set[str]:
        return {SINGLE}

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        found = get_current_span(context).get_span_context()
        if found.is_valid:
            setter.set(carrier, SINGLE, f"{found.trace_id:032x}-{found.span_id:016x}-{_state(found)}")


class B3Multi(_B3):
    """OTEL_PROPAGATORS=b3multi."""

    @property
    def fields(self) -> set[str]:
        return {TRACE_ID, SPAN_ID, SAMPLED_HEADER, FLAGS_HEADER}

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        found = get_current_span(context).get_span_context()
        if not found.is_valid:
            return
        setter.set(carrier, TRACE_ID, f"{found.trace_id:032x}")
        setter.set(carrier, SPAN_ID, f"{found.span_id:016x}")
        state = _state(found)
        if state == _DEBUG:
            setter.set(carrier, FLAGS_HEADER, "1")
        else:
            setter.set(carrier, SAMPLED_HEADER, state)


def _valid(trace_id: str, span_id: str) -> bool:
    """Hexadecimal ids of the right lengths, neither of them 0."""
    well_formed = _TRACE_ID.fullmatch(trace_id) and _SPAN_ID.fullmatch(span_id)
    return bool(well_formed and trace_id.strip("0") and span_id.strip("0"))


def _single(text: str) -> tuple[str, str, str] | None:
    """Trace id, span id, state; None when there is no such header or it is not valid."""
    if text in _STATES:
        return "", "", _STATES[text]
    parts = text.split("-")
    if not 2 <= len(parts) <= 4 or (len(parts) > 2 and parts[2] not in _STATES):
        return None
    return parts[0], parts[1], _STATES[parts[2]] if len(parts) > 2 else _DEFER


def _several(header: Callable[[str], str]) -> tuple[str, str, str]:
    state = _DEBUG if header(FLAGS_HEADER) == "1" else _STATES.get(header(SAMPLED_HEADER), _DEFER)
    return header(TRACE_ID), header(SPAN_ID), state


def _state(context: SpanContext) -> str:
    if not context.trace_flags.sampled:
        return _DENY
    forced = member(trace_state_text(context.trace_state), "spanwise") == f"kept:{FORCED}"
    return _DEBUG if forced else _ACCEPT
